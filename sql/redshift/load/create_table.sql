-- A curated table as the contract describes it, unless it is there: whoever loads everything need not know. Redshift does
-- not enforce the primary key; the planner uses it, and it holds because it is the grain of the model. Text lengths are
-- bytes: four for each character.
CREATE TABLE IF NOT EXISTS ${table} (
    ${columns},
    PRIMARY KEY (${grain})
)
${distribution};
