"""Dashboards as code: one description per dataset, from which a local page and a QuickSight analysis are made.

`model` says what a dashboard is, `authoring` reads and checks `datasets/<name>/dashboard.yaml`, `queries` writes the
SQL, `page` renders HTML. Nothing here knows AWS: who runs the queries hands the answers in.
"""
