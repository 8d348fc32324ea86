"""Every type of the synthesized templates has a price, or a reason for none."""

from __future__ import annotations

import yaml

from pricing import price_list, templates
from pricing.estimate import total
from tests.infrastructure import cost_page
from tests.infrastructure.support import ROOT, Assembly

# What decides which types there are. dev is not synthesized here, so it must say what prod says.
DECIDING = ("sftp", "sources", "features", "people", "athena")


def test_every_type_is_priced_free_by_name_or_not_estimated_by_name(
    prod: Assembly, local: Assembly, comprehensive: Assembly
) -> None:
    prices = price_list.load()
    for assembly in (prod, local, comprehensive):
        types = templates.read(assembly.folder).types
        unknown = [kind for kind in types if not prices.knows(kind)]
        assert not unknown, "add these to pricing/prices.yaml: " + ", ".join(unknown)


def test_no_type_is_priced_that_no_template_has(
    prod: Assembly, local: Assembly, comprehensive: Assembly
) -> None:
    prices = price_list.load()
    used = {
        kind
        for assembly in (prod, local, comprehensive)
        for kind in templates.read(assembly.folder).types
    }
    listed = {*prices.priced_types, *prices.free_types, *prices.not_estimated_types}
    assert listed - used == set()


def test_the_cost_table_is_that_of_the_templates(prod: Assembly, comprehensive: Assembly) -> None:
    estimates = {"prod": cost_page.priced(prod), "comprehensive": cost_page.priced(comprehensive)}
    text = cost_page.PAGE.read_text(encoding="utf-8")
    assert cost_page.current(text, estimates) == text, f"run `{cost_page.COMMAND}`"


def test_the_readme_says_what_idle_costs_as_shipped_and_with_a_server(
    prod: Assembly, comprehensive: Assembly
) -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    idle = cost_page.priced(prod).total("idle")
    server = [
        line
        for line in cost_page.priced(comprehensive).lines
        if line.price_name == "transfer_protocol_hour"
    ]
    assert f"as shipped costs {idle.low:.0f} to {idle.high:.0f} USD a month" in readme
    assert f"An SFTP server adds {total(server).low:.0f} USD" in readme


def test_dev_has_the_types_of_prod() -> None:
    dev, prod = (
        yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("dev", "prod")
    )
    for section in DECIDING:
        assert dev[section].keys() == prod[section].keys()
        switches = [name for name, value in prod[section].items() if isinstance(value, bool)]
        assert [dev[section][name] for name in switches] == [
            prod[section][name] for name in switches
        ]
