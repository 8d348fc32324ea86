"""Records of raw files have the numbers that intake counted, in every dialect that intake accepts."""

import dataclasses
import gzip
import io

import pytest

from contracts import model, records
from contracts.model import Contract
from lambdas.intake import inspection
from lambdas.intake.headers import HeaderRule
from tests.unit.slipway.conftest import DATASET, HEADER

ROW = "Asia,{country},Snacks,Online,H,7/5/2010,{order},7/26/2010,1,2.00,1.00,2.00,1.00,1.00"
LINES = [HEADER, *(ROW.format(country="Japan", order=order) for order in range(1, 4))]
QUOTED = ROW.format(country='"Korea, ""Republic"" of"', order=4)
SPANNING = ROW.format(country='"Two\nlines"', order=5)
CONTENTS = {
    "plain": "\n".join(LINES) + "\n",
    "no last line end": "\n".join(LINES),
    "carriage returns": "\r\n".join(LINES) + "\r\n",
    "old Mac": "\r".join(LINES) + "\r",
    "byte order mark": "\ufeff" + "\n".join(LINES),
    "blank lines": "\n".join([LINES[0], "", LINES[1], "  \t ", LINES[2], "", LINES[3], "", ""]),
    "quoted": "\n".join([*LINES, QUOTED]),
    "values that span lines": "\n".join([LINES[0], SPANNING, "", *LINES[1:]]),
    "too few fields": "\n".join([*LINES, "Asia,Japan"]),
    "a record of one empty value": "\n".join([*LINES, '""']),
}


def inspect(content: bytes, contract: Contract, *, gzipped: bool) -> inspection.Inspection:
    return inspection.inspect(
        [content], HeaderRule(contract=contract, change="evolve"), gzipped=gzipped
    )


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", CONTENTS)
def test_as_many_records_are_read_as_intake_counted(name: str, gzipped: bool) -> None:
    content = CONTENTS[name].encode()
    content = gzip.compress(content) if gzipped else content
    contract = model.load(DATASET)
    counted = inspect(content, contract, gzipped=gzipped)
    found = list(
        records.read(io.BytesIO(content), delimiter=contract.intake.delimiter, gzipped=gzipped)
    )
    assert [number for number, _ in found] == list(range(counted.row_count + 1))
    assert tuple(found[0][1]) == counted.header


def test_a_number_names_the_record_that_stands_there() -> None:
    content = CONTENTS["values that span lines"].encode()
    found = dict(records.read(io.BytesIO(content), delimiter=",", gzipped=False))
    assert (found[1][1], found[1][6], found[4][6]) == ("Two\nlines", "5", "3")


def test_the_delimiter_is_the_contracts() -> None:
    contract = model.load(DATASET)
    contract = dataclasses.replace(
        contract, intake=dataclasses.replace(contract.intake, delimiter=";")
    )
    content = "\n".join(LINES).replace(",", ";").encode()
    assert inspect(content, contract, gzipped=False).row_count == 3
    assert len(list(records.read(io.BytesIO(content), delimiter=";", gzipped=False))) == 4
