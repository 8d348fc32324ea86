-- Where the rows of this load are put first; it takes types, NOT NULL, distribution and sort keys from the table, and
-- leaves with the session. MERGE needs a table as its source.
CREATE TEMP TABLE ${staged} (LIKE ${table});
