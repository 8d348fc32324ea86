-- A curated table as the contract describes it. Redshift does not enforce the primary key; the planner uses it, and it
-- holds because it is the grain of the model. Text lengths are bytes: four for each character.
CREATE TABLE ${table} (
    ${columns},
    PRIMARY KEY (${grain})
)
${distribution};
