"""Messages are one line and say where; errors cross process borders."""

from __future__ import annotations

import pickle

from unheard.errors import AudioError, MissingStageError, Reason, TableError, UnheardError, UserError


def test_table_error_names_file_row_and_mend() -> None:
    error = TableError("tracks.csv", "track_id 'a' is there twice (rows 2 and 5)", "remove one", row=5)
    assert str(error) == "tracks.csv, row 5: track_id 'a' is there twice (rows 2 and 5); remove one"
    assert str(TableError("t.csv", "empty", "add rows")) == "t.csv: empty; add rows"


def test_exit_codes() -> None:
    assert UnheardError().exit_code == 1
    for error in (UserError("x"), TableError("a", "b", "c"), MissingStageError("a", "b")):
        assert error.exit_code == 2


def test_audio_errors_pickle_whole() -> None:
    error = AudioError("a.mp3", Reason.SILENT, "peak -96 dBFS")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason, again.detail) == (str(error), Reason.SILENT, "peak -96 dBFS")
