"""Zone shorthands become the databases of the environment, and nothing else changes."""

from slipway.reading import lake


def test_zones_are_spelled_out() -> None:
    sql = "select * from curated.a join processed.b using (id)"
    assert lake.with_databases(sql, "dev") == (
        "select * from slipway_dev_curated.a join slipway_dev_processed.b using (id)"
    )


def test_a_full_name_or_a_longer_word_stays() -> None:
    sql = "select uncurated.x, 'raw 1.5' from slipway_dev_curated.a uncurated"
    assert lake.with_databases(sql, "dev") == sql


def test_nothing_inside_a_text_is_taken_for_a_table() -> None:
    sql = "select 'raw.csv', 'it''s processed.x' from raw.a"
    assert (
        lake.with_databases(sql, "dev")
        == "select 'raw.csv', 'it''s processed.x' from slipway_dev_raw.a"
    )


def test_a_text_with_quotes_stays_one_literal() -> None:
    assert lake.literal("o'clock' or '1' = '1") == "'o''clock'' or ''1'' = ''1'"
    assert lake.texts([]) == "null"
