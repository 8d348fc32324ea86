"""A layer of packages (stacks/layers.py) as functions use it."""

from __future__ import annotations

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.base import Blueprint
from stacks.layers import Layer


def layers_of(scope: Construct, blueprint: Blueprint, layer: Layer) -> list[lambda_.ILayerVersion]:
    """The layer in `scope`, made once; none on the embedded AWS, whose functions have the packages of the tools."""
    if blueprint.settings.environment == "local":
        return []
    construct_id = f"{layer.title}Layer"
    existing = scope.node.try_find_child(construct_id)
    if isinstance(existing, lambda_.LayerVersion):
        return [existing]
    code = lambda_.Code.from_asset(
        str(layer.built(blueprint.root)),
        asset_hash=layer.asset_hash(blueprint.root),
        asset_hash_type=AssetHashType.CUSTOM,
    )
    return [
        lambda_.LayerVersion(
            scope,
            construct_id,
            code=code,
            description=layer.description,
            compatible_architectures=[lambda_.Architecture.ARM_64],
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        )
    ]
