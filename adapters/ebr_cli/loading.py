"""Finding the Script that the user means."""

import importlib
import importlib.util
import linecache
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ebr_cli.errors import CliError
from ebr_core import Script

__all__ = ["load_script"]


def load_script(name: str) -> Script:
    """The one Script of a file (``push.py``, ``scripts/push.py``) or of a module (``package.push``). Raises CliError."""
    module = _load(name)
    by_name = getattr(module, "script", None)
    if isinstance(by_name, Script):
        return by_name
    found = {id(value): value for value in vars(module).values() if isinstance(value, Script)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise CliError(f"{name} holds {len(found)} Script objects: call the one to run `script`")
    raise CliError(f"{name} holds no Script: a line such as `script = Script()` is missing")


def _load(name: str) -> ModuleType:
    path = Path(name)
    is_file = name.endswith(".py") or "/" in name or path.is_file()
    if is_file and not path.is_file():
        raise CliError(f"there is no script {name}" if not path.is_dir() else f"{name} is a folder, not a script")
    try:
        return _load_file(path) if is_file else _load_module(name)
    except CliError:
        raise
    except SyntaxError as error:
        place = f"{error.filename or name}:{error.lineno}" if error.lineno else name
        raise CliError(f"{place}: {error.msg}") from None
    except SystemExit:
        raise CliError(f"{name} ended the program instead of defining a Script") from None
    except Exception as error:
        raise CliError(f"{_where(error, name)}: {type(error).__name__}: {error}") from None


def _load_file(path: Path) -> ModuleType:
    # As with `python push.py`: its folder is where its own imports are looked for.
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = path.stem.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name if name not in sys.modules else f"ebr_script_{name}", path)
    if spec is None or spec.loader is None:
        raise CliError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _load_module(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Of the script itself or of a package around it; a module that the script imports is the script's error.
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise CliError(f"there is no file and no module called {name!r}") from None
        raise
    except (ValueError, TypeError):
        raise CliError(f"{name!r} is neither a file nor the name of a module") from None


def _where(error: Exception, name: str) -> str:
    """The innermost line of the script's own code; the import machinery's frames say nothing."""
    linecache.checkcache()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    own = [f for f in frames if not f.filename.startswith("<") and "ebr_cli" not in Path(f.filename).parts]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else name
