"""`dashboard.yaml` of a dataset or mart: read, checked against its tables, and turned into the model.

There is no compiled form as contracts have one: no runtime in AWS reads a dashboard, only synth and the command line,
which both have the file.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import assert_never

from contracts.authoring import yaml_lines
from contracts.authoring.problems import Problem
from contracts.errors import ContractInvalid
from contracts.marts import Mart, as_curated
from contracts.model import Contract, CuratedModel
from dashboards import model, profile
from dashboards.checks import check_meaning
from dashboards.parsed import ParsedDashboard, take_apart

DASHBOARD_FILE = "dashboard.yaml"


Owner = Contract | Mart  # what has a dashboard: its folder has its name


class DashboardInvalid(ContractInvalid):
    """A dashboard description is wrong or missing."""


def check_file(file: Path, owner: Owner) -> tuple[list[Problem], model.Dashboard | None]:
    """All mistakes of a dashboard file, sorted by line, or the dashboard."""
    shown = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        return [Problem(file=shown, line=1, field="(document)", message=message)], None
    document = yaml_lines.read(text, file=shown)
    if document.problems:
        return sorted(document.problems), None
    parsed = take_apart(document)
    check_meaning(parsed, tables_of(owner))
    if document.problems or parsed.spec is None or parsed.kpis is None:
        return sorted(document.problems), None
    return [], _dashboard(name_of(owner), parsed, parsed.spec, parsed.kpis)


def name_of(owner: Owner) -> str:
    """Name of a dataset or mart."""
    return owner.name if isinstance(owner, Mart) else owner.dataset


def tables_of(owner: Owner) -> tuple[CuratedModel, ...]:
    """The tables that its dashboard may show."""
    return (as_curated(owner),) if isinstance(owner, Mart) else owner.curated


def load(root: Path, owner: Owner) -> model.Dashboard:
    """The dashboard of a dataset or mart; `root` is the folder of all datasets, or of all marts.

    Raises DashboardInvalid when there is no file for it, or with all its mistakes, one per line.
    """
    name = name_of(owner)
    file = root / name / DASHBOARD_FILE
    if not file.is_file():
        raise DashboardInvalid(
            f"{'mart' if isinstance(owner, Mart) else 'dataset'} {name!r} has no dashboard; write {file}"
            " (docs/dashboards.md)"
        )
    problems, dashboard = check_file(file, owner)
    if dashboard is None:
        count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} in a dashboard"
        raise DashboardInvalid("\n".join([count, *(f"  {problem}" for problem in problems)]))
    return dashboard


def _dashboard(
    dataset: str, parsed: ParsedDashboard, spec: profile.DashboardSpec, kpis: profile.KpisSpec
) -> model.Dashboard:
    return model.Dashboard(
        dataset=dataset,
        title=spec.title,
        description=spec.description,
        measures=tuple(
            model.Measure(name=name, **{**dict(item), "triage": _triage(item.triage)})
            for name, item in parsed.measures.items()
        ),
        dimensions=tuple(
            model.Dimension(name=name, **dict(item)) for name, item in parsed.dimensions.items()
        ),
        filters=tuple(spec.filters),
        kpis=model.Kpis(**{**dict(kpis), "measures": tuple(kpis.measures)}),
        sections=tuple(
            model.Section(
                title=section.title,
                visuals=tuple(_visual(visual.spec) for visual in section.visuals),
            )
            for section in parsed.sections
        ),
    )


def _triage(spec: profile.TriageSpec | None) -> model.Triage | None:
    if spec is None:
        return None
    return model.Triage(better=spec.better, good=_plain(spec.good), poor=_plain(spec.poor))


def _plain(number: int | Decimal) -> str:
    """Digits without an exponent, which nobody downstream reads."""
    return f"{Decimal(number):f}"


def _visual(spec: profile.VisualSpec) -> model.Visual:
    fields = {**dict(spec), "measures": tuple(spec.measures)}
    match spec:
        case profile.LineSpec():
            return model.Line(**fields)
        case profile.BarSpec():
            return model.Bar(**{**fields, "sort": _sort(spec.sort)})
        case profile.TableSpec():
            dimensions = tuple(spec.dimensions)
            return model.Table(**{**fields, "sort": _sort(spec.sort), "dimensions": dimensions})
        case _:
            assert_never(spec)


def _sort(spec: profile.SortSpec) -> model.Sort:
    return model.Sort(**dict(spec))
