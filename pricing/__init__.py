"""What AWS charges for what the templates describe: one dated list of prices, and the arithmetic over it.

Looks at nothing but files: templates, the list, a volume. So a price is known before anything is deployed, and a
change can be priced in CI without credentials.
"""
