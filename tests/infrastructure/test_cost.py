"""Every type of the synthesized templates has a price, or a reason for none."""

from __future__ import annotations

import yaml

from pricing import price_list, templates
from tests.infrastructure.support import ROOT, Assembly

# What decides which types there are. dev is not synthesized here, so it must say what prod says.
DECIDING = ("sftp", "sources", "features", "people", "athena")


def test_every_type_is_priced_free_by_name_or_not_estimated_by_name(
    prod: Assembly, local: Assembly, comprehensive: Assembly
) -> None:
    prices = price_list.load()
    for assembly in (prod, local, comprehensive):
        types = templates.read(assembly.folder).types
        unknown = [kind for kind in types if not prices.knows(kind)]
        assert not unknown, "add these to pricing/prices.yaml: " + ", ".join(unknown)


def test_no_type_is_priced_that_no_template_has(
    prod: Assembly, local: Assembly, comprehensive: Assembly
) -> None:
    prices = price_list.load()
    used = {
        kind
        for assembly in (prod, local, comprehensive)
        for kind in templates.read(assembly.folder).types
    }
    listed = {*prices.priced_types, *prices.free_types, *prices.not_estimated_types}
    assert listed - used == set()


def test_dev_has_the_types_of_prod() -> None:
    dev, prod = (
        yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("dev", "prod")
    )
    for section in DECIDING:
        assert dev[section].keys() == prod[section].keys()
        switches = [name for name, value in prod[section].items() if isinstance(value, bool)]
        assert [dev[section][name] for name in switches] == [
            prod[section][name] for name in switches
        ]
