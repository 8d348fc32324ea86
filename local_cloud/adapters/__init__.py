"""What the emulator lacks, one module per gap, all installed before it starts serving.

The emulator's internals are private and its version is pinned: each adapter names exactly what it replaces, and
`patching.replace` stops the start when such a name has moved, so that no gap can reopen unnoticed.
"""
