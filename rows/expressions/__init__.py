"""What a contract says about a record, as SQL text that each engine takes through its dialect: one definition.

`values` reads a text, `checks` judges it, `protection` is what is kept of personal data, `raw_text`
shows a record as written, and `one_pass` puts them into the order in which an engine computes them.
"""
