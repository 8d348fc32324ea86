"""What the steps of a run hand to each other, as types: written with `to_json`, read with `from_json`.

Reading is strict, since a run is reconciled by these figures. docs/reference/run_documents.md is made from these
classes. Standard library only: jobs, functions and the operator's command read the same documents.
"""

from pipeline.run_documents.base import RunDocument, StoredDocument
from pipeline.run_documents.curating import ConservedTotal, CuratedTable, CurateResult
from pipeline.run_documents.job import JobResult
from pipeline.run_documents.loading import (
    PARTS,
    LoadedFile,
    LoadResult,
    Observed,
    Part,
    PartTotals,
    RefusedSample,
    ReplacedFile,
    RetractedRows,
    RowRuleResult,
    RuleKind,
    RuleStatus,
    SnapshotChange,
    TableEffect,
    TableRuleResult,
    TouchedDates,
)
from pipeline.run_documents.maintenance import (
    ErasureFindings,
    ErasureRequest,
    MaintainedTable,
    MaintenanceFindings,
    MaintenanceRequest,
    MaintenanceResult,
    OriginFile,
    RollbackPlan,
    TableAction,
    TableFigures,
)
from pipeline.run_documents.manifest import Manifest, ManifestFile, RetractedFile
from pipeline.run_documents.serving import (
    DashboardsServed,
    LoadExtent,
    RefreshOrdered,
    ServedTotal,
    ServeResult,
    WarehouseServed,
    WarehouseTable,
    serve_result,
)

__all__ = [
    "PARTS",
    "ConservedTotal",
    "CurateResult",
    "CuratedTable",
    "DashboardsServed",
    "ErasureFindings",
    "ErasureRequest",
    "JobResult",
    "LoadExtent",
    "LoadResult",
    "LoadedFile",
    "MaintainedTable",
    "MaintenanceFindings",
    "MaintenanceRequest",
    "MaintenanceResult",
    "Manifest",
    "ManifestFile",
    "Observed",
    "OriginFile",
    "Part",
    "PartTotals",
    "RefreshOrdered",
    "RefusedSample",
    "ReplacedFile",
    "RetractedFile",
    "RetractedRows",
    "RollbackPlan",
    "RowRuleResult",
    "RuleKind",
    "RuleStatus",
    "RunDocument",
    "ServeResult",
    "ServedTotal",
    "SnapshotChange",
    "StoredDocument",
    "TableAction",
    "TableEffect",
    "TableFigures",
    "TableRuleResult",
    "TouchedDates",
    "WarehouseServed",
    "WarehouseTable",
    "serve_result",
]
