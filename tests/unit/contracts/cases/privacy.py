"""Mistakes in how personal data is classified, protected and used."""

from __future__ import annotations

from tests.unit.contracts.cases.base import MEMBERS, MEMBERS_SQL, C

P = "schema[0].properties"
TREATMENT = "        customProperties:\n          - property: piiTreatment\n            value: {}\n"
CASES = {
    "personal_data_without_treatment": C(
        "description: Pseudonym of the visitor.",
        "description: E-mail.\n        classification: pii",
        f"{P}[3].classification",
        "add the custom property piiTreatment with hash, mask or drop",
        at="classification: pii",
    ),
    "treatment_without_classification": C(
        "description: Name on the card.\n        required: true\n        classification: pii",
        "description: Name on the card.\n        required: true\n        classification: internal",
        f"{P}[1].customProperties[0].value",
        "found 'mask' on a column that is not classified; add classification: pii",
        at="value: mask",
        file=MEMBERS,
    ),
    "unknown_treatment": C(
        "value: mask",
        "value: encrypt",
        f"{P}[1].customProperties[0].value",
        "found 'encrypt'; expected 'hash', 'mask' or 'drop'",
        file=MEMBERS,
    ),
    "masked_key": C(
        "value: hash",
        "value: mask",
        f"{P}[0].primaryKey",
        "a key must stay distinct, and 'mask' does not keep it so",
        at="primaryKey: true",
        file=MEMBERS,
    ),
    "dropped_key": C(
        "value: hash",
        "value: drop",
        f"{P}[0].primaryKey",
        "a key must stay distinct, and 'drop' does not keep it so",
        at="primaryKey: true",
        file=MEMBERS,
    ),
    "masked_data_subject": C(
        "value: hash",
        "value: mask",
        f"{P}[0].customProperties[1].value",
        "a data subject is found by its token, so it needs classification: pii and piiTreatment: hash",
        at="value: true",
        file=MEMBERS,
    ),
    "absent_personal_data": C(
        "            value: mask\n",
        "            value: mask\n          - property: absent\n            value: refuse\n",
        f"{P}[1].customProperties[1].value",
        "a file always has a column that is required, of the key or classified as pii; remove absent",
        at="value: refuse",
        file=MEMBERS,
    ),
    "two_data_subjects": C(
        "            value: mask\n",
        "            value: hash\n          - property: dataSubject\n            value: true\n",
        f"{P}[1].customProperties[1].value",
        "a second data subject, first on line 46; keep one",
        at="value: true\n      - name: phone",
        file=MEMBERS,
    ),
    "data_subject_is_an_amount": C(
        "description: What they paid.\n        required: true\n        customProperties:\n"
        "          - property: controlTotal\n            value: true\n",
        "description: What they paid.\n        required: true\n        classification: pii\n"
        + TREATMENT.format("hash")
        + "          - property: dataSubject\n            value: true\n",
        f"{P}[7].customProperties[1].value",
        "column 'fee' is decimal(8,2); a data subject is one of string, int, bigint",
        at="value: true\n    quality:",
        file=MEMBERS,
    ),
    "personal_control_total": C(
        "        required: true\n        customProperties:\n"
        "          - property: controlTotal\n            value: true\n",
        "        required: true\n        classification: pii\n        customProperties:\n"
        "          - property: controlTotal\n            value: true\n"
        "          - property: piiTreatment\n            value: hash\n",
        f"{P}[7].customProperties[0].value",
        "a control total is the sum of a column's values",
        at="value: true\n          - property: piiTreatment",
        file=MEMBERS,
    ),
    "personal_partition": C(
        "        partitioned: true\n        logicalTypeOptions: {format: yyyy-MM-dd}\n        customProperties:\n",
        "        partitioned: true\n        classification: pii\n        logicalTypeOptions: {format: yyyy-MM-dd}\n"
        "        customProperties:\n          - property: piiTreatment\n            value: hash\n",
        f"{P}[3].partitioned",
        "tables are not partitioned by personal data",
        at="partitioned: true",
        file=MEMBERS,
    ),
    "period_by_a_protected_date": C(
        "        partitioned: true\n        logicalTypeOptions: {format: yyyy-MM-dd}\n        customProperties:\n",
        "        partitioned: true\n        classification: pii\n        logicalTypeOptions: {format: yyyy-MM-dd}\n"
        "        customProperties:\n          - property: piiTreatment\n            value: drop\n",
        "schema[1].customProperties[4].value",
        "column 'joined_on' must be a required date",
        at="value: joined_on",
        file=MEMBERS,
    ),
    "conserves_a_protected_amount": C(
        "description: What they paid.\n        required: true\n        customProperties:\n"
        "          - property: controlTotal\n            value: true\n",
        "description: What they paid.\n        required: true\n        classification: pii\n"
        + TREATMENT.format("hash"),
        "schema[1].customProperties[5].value.fees",
        "column 'fee' of the dataset is string; expected a decimal",
        at="value: {fees: fee}",
        file=MEMBERS,
    ),
    "conserves_a_dropped_amount": C(
        "description: What they paid.\n        required: true\n        customProperties:\n"
        "          - property: controlTotal\n            value: true\n",
        "description: What they paid.\n        required: true\n        classification: pii\n"
        + TREATMENT.format("drop"),
        "schema[1].customProperties[5].value.fees",
        "column 'fee' of the dataset is dropped; expected a decimal",
        at="value: {fees: fee}",
        file=MEMBERS,
    ),
    "aggregate_reads_a_dropped_column": C(
        "count(DISTINCT member)",
        "count(DISTINCT phone)",
        "members_by_month",
        "reads 'phone', which is dropped as personal data before the processed table",
        file=MEMBERS_SQL,
    ),
    "aggregate_computes_with_a_token": C(
        "CAST(min(member) AS string) AS first_member",
        "member + 1 AS first_member",
        "members_by_month",
        "column 'first_member' is computed",
        file=MEMBERS_SQL,
    ),
    "personal_data_in_an_aggregate": C(
        "description: The least token.",
        "description: The least token.\n        classification: pii",
        "schema[1].properties[2].classification",
        "classification is not enforced on a curated column",
        at="classification: pii\n        required: true\n      - name: fees",
        file=MEMBERS,
    ),
}
