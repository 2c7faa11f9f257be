"""The tables of an analysis as CSV."""

from __future__ import annotations

import io
from dataclasses import asdict

from unheard.listening_test.analyse import ConditionMean
from unheard.listening_test.analysis_tables import write_rows


def test_no_cell_of_a_table_is_a_formula() -> None:
    out = io.StringIO()
    write_rows(out, ConditionMean, [asdict(ConditionMean("liking", "=1+1", -2.0, None, None, -3.0, 4))])
    assert out.getvalue() == "measure,model,value,low,high,everybody,n\nliking,'=1+1,-2.0,,,-3.0,4\n"
