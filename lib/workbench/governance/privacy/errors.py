"""What a failed run may say: errors of an engine quote the values that they failed on, and these may be anybody's.

The message is masked where it is made, before it is written into the executed notebook, its report and its log.
"""

import re
from types import TracebackType
from typing import Any

from IPython import get_ipython

from workbench.governance.privacy.pii.redaction import redact

ENGINES = ("duckdb", "_duckdb", "ibis", "pyarrow", "pandas", "pandera", "pyspark", "py4j")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
HIDDEN = "'…'"


def masked(error: BaseException) -> str:
    """An error's message without personal data; of an engine's error, without anything that it quotes."""
    said = str(redact([str(error)]).texts[0])
    return QUOTED.sub(HIDDEN, said) if type(error).__module__.partition(".")[0] in ENGINES else said


def mask_errors(shell: Any = None) -> None:
    """Have a notebook's errors, and those that they came from, say no more than `masked`.

    Args:
        shell: IPython's; the one that runs this notebook if not given.

    """

    def show(shell: Any, kind: type, error: BaseException, trace: TracebackType, tb_offset: int | None = None) -> None:
        each: BaseException | None = error
        while each is not None:
            each.args = (masked(each),) if str(each) else each.args
            each = each.__cause__ or each.__context__
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    (shell or get_ipython()).set_custom_exc((Exception,), show)
