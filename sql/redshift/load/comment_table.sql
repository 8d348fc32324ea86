-- What the table is, from the contract; clients show it beside the name.
COMMENT ON TABLE ${table} IS ${description};
