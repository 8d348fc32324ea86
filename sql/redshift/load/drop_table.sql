-- The contract gives the table another shape. Dropped and made anew in one transaction, so readers see one or the other.
-- Without CASCADE: if somebody built a view on it, the load fails and names the view, and nothing is lost.
DROP TABLE IF EXISTS ${table};
