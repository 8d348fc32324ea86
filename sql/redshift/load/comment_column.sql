-- What the column is, from the contract.
COMMENT ON COLUMN ${table}.${column} IS ${description};
