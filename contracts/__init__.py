"""The shared domain: what a dataset is, what things are called, what a ledger entry means.

The runtime part (everything outside `authoring`) imports the standard library only, so that a Lambda pays about
15 ms for it; `authoring` validates the YAML and compiles it to the JSON that runtimes read.
"""
