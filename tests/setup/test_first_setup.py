"""From a bare station to a receipted reading through the pages alone, the steps counted."""

import difflib
from pathlib import Path

import pytest

from tests.setup import first_setup
from tests.setup.harness import Hand, box
from tests.web import browser

PRESSES_MAX, FIELDS_MAX = 12, 12


@pytest.mark.proof
@pytest.mark.full
@pytest.mark.slow
async def test_from_the_box_to_a_receipt(tmp_path: Path) -> None:
    async with (
        box(tmp_path) as made,
        browser.browser() as chromium,
        browser.tab(chromium) as page,
    ):
        hand = Hand(page, made)
        steps = await first_setup.whole(hand)
        print(
            f"\nfrom a bare station to a receipt: {steps.presses} presses, {steps.fields} fields, "
            f"{steps.receipt_s:.0f} s by a hand that never hesitates; "
            f"to the sheet {steps.paper_s:.0f} s"
        )
        assert steps.presses <= PRESSES_MAX
        assert steps.fields <= FIELDS_MAX
        lines = difflib.unified_diff(made.bare.splitlines(), made.text.splitlines(), lineterm="")
        taken = [line for line in lines if line.startswith("-") and not line.startswith("---")]
        assert taken == [], "nothing that the installer wrote is gone, comments least of all"
        sheet = await page.locator("article.paper").inner_text()
        assert "试验站" in sheet
        assert "3号楼总电表" in sheet
        row = await page.locator("article.paper tr", has_text="3号楼总电表").inner_text()
        assert "电压" in row, "the value that was compared"
        assert "王工" in row, "and who vouches for it"
        printed = await page.pdf(format="A4")
        assert printed.count(b"/Type /Page\n") == 1, "it fits on a sheet of paper"
        lanes = await made.lanes()
        assert lanes["telemetry"]["upto"] >= 1
        assert not lanes["telemetry"].get("missing")
