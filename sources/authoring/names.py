"""Names that several kinds of sources have."""

from __future__ import annotations

import re

# Only names: a secret of this account, which may be made anew. Source: Secrets Manager API, CreateSecret, Name.
SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
