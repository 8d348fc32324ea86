"""A dashboard file taken apart: every part that has the right shape, with the place it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from contracts.authoring import structure
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import Strict
from contracts.authoring.yaml_lines import Document
from dashboards import profile

Spec = TypeVar("Spec", bound=Strict)


@dataclass(frozen=True, kw_only=True)
class ParsedVisual:
    """A visual and where it stands."""

    path: Path
    spec: profile.VisualSpec


@dataclass(frozen=True, kw_only=True)
class ParsedSection:
    """A section with those of its visuals that have the right shape."""

    title: str
    visuals: list[ParsedVisual]


@dataclass(frozen=True, kw_only=True)
class ParsedDashboard:
    """What of a file has the right shape. `measure_names` and `dimension_names` also hold those with a mistake."""

    document: Document
    spec: profile.DashboardSpec | None
    measures: dict[str, profile.MeasureSpec]
    measure_names: frozenset[str]
    dimensions: dict[str, profile.DimensionSpec]
    dimension_names: frozenset[str]
    filters: list[str]
    kpis: profile.KpisSpec | None
    sections: list[ParsedSection]

    @property
    def visuals(self) -> list[ParsedVisual]:
        """The visuals of all sections, in order."""
        return [visual for section in self.sections for visual in section.visuals]


def take_apart(document: Document) -> ParsedDashboard:
    """Parse every part of a document that was read without a mistake."""
    spec = structure.parse(profile.DashboardSpec, document.data, document)
    data = document.data if isinstance(document.data, dict) else {}
    return ParsedDashboard(
        document=document,
        spec=spec,
        measures=_by_name(profile.MeasureSpec, data, "measures", document),
        measure_names=_names(data, "measures"),
        dimensions=_by_name(profile.DimensionSpec, data, "dimensions", document),
        dimension_names=_names(data, "dimensions"),
        filters=[name for name in _list(data, "filters") if isinstance(name, str)],
        kpis=structure.parse(profile.KpisSpec, data["kpis"], document, ("kpis",))
        if "kpis" in data
        else None,
        sections=[
            section
            for index, item in enumerate(_list(data, "sections"))
            if (section := _section(item, document, ("sections", index)))
        ],
    )


def _list(data: dict[str, Any], part: str) -> list[Any]:
    items = data.get(part)
    return items if isinstance(items, list) else []


def _names(data: dict[str, Any], part: str) -> frozenset[str]:
    items = data.get(part)
    return frozenset(items) if isinstance(items, dict) else frozenset()


def _by_name(
    model: type[Spec], data: dict[str, Any], part: str, document: Document
) -> dict[str, Spec]:
    items = data.get(part)
    found = {
        name: structure.parse(model, item, document, (part, name))
        for name, item in (items.items() if isinstance(items, dict) else ())
    }
    return {name: spec for name, spec in found.items() if spec is not None}


def _section(data: Any, document: Document, path: Path) -> ParsedSection | None:
    spec = structure.parse(profile.SectionSpec, data, document, path)
    if spec is None:
        return None
    visuals = [
        _visual(item, document, (*path, "visuals", index))
        for index, item in enumerate(spec.visuals)
    ]
    return ParsedSection(title=spec.title, visuals=[visual for visual in visuals if visual])


def _visual(data: Any, document: Document, path: Path) -> ParsedVisual | None:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in profile.VISUALS:
        document.problem(
            (*path, "kind"), f"found {kind!r}; {did_you_mean(str(kind), profile.VISUALS)}"
        )
        return None
    spec = structure.parse(profile.VISUALS[kind], data, document, path)
    return ParsedVisual(path=path, spec=spec) if spec else None
