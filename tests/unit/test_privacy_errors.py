"""Messages of errors give nothing away."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from workbench.data import engine
from workbench.governance.privacy.errors import mask_errors, masked


def test_an_engines_error_quotes_nothing():
    con = engine.connect("500MB", threads=1)
    with pytest.raises(Exception, match="canaryuser") as caught:
        con.raw_sql("SELECT CAST('canaryuser1' AS INTEGER)")
    said = masked(caught.value)
    assert "canaryuser" not in said
    assert "convert" in said.lower()


def test_an_error_of_ours_keeps_its_names_and_loses_personal_data():
    said = masked(ValueError("column 'price' of row 3: 'write to ann.lee@example.com' is no number"))
    assert said == "column 'price' of row 3: 'write to [EMAIL_1]' is no number"


def test_a_notebooks_traceback_is_masked_with_what_it_came_from(capsys):
    shell = InteractiveShell()
    mask_errors(shell)
    code = "try:\n    raise ValueError(mail)\nexcept ValueError as cause:\n    raise KeyError(mail) from cause"
    shell.user_ns["mail"] = "ann.lee@example.com"
    result = shell.run_cell(code)
    shown = capsys.readouterr()
    assert "EMAIL_1" in shown.out + shown.err
    assert "ann.lee" not in shown.out + shown.err + str(result.error_in_exec)
