"""Puts the pinned clients in place: one virtual environment for each file of requirements, and Node's packages."""

import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What the clients run on, and what `@copilotkit/aimock` asks for.
NODE_OF_CLIENTS = (18, 0)
NODE_OF_AIMOCK = (20, 15)


def _unchanged(stamp, sources):
    """Whether `stamp` says that exactly these files were installed; and what it is to say."""
    digest = hashlib.sha256()
    for source in sources:
        with open(source, "rb") as file:
            digest.update(file.read())
    text = f"{digest.hexdigest()} {sys.version_info[:2]}"
    try:
        with open(stamp, encoding="utf-8") as file:
            return file.read() == text, text
    except OSError:
        return False, text


def _run(command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def python(venv):
    """The interpreter of a virtual environment, made where it is not there or its requirements changed."""
    folder = os.path.join(HERE, ".venv", venv)
    requirements = os.path.join(HERE, "requirements", venv + ".txt")
    stamp = os.path.join(folder, "installed")
    interpreter = os.path.join(folder, "bin", "python")
    same, text = _unchanged(stamp, [requirements])
    if not same:
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", folder], HERE)
        pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", requirements], HERE)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(text)
    return interpreter


def node_missing(least):
    """Why what needs this Node cannot run here; nothing where it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node or npm is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2]) < least:
        return f"node {version} is older than {'.'.join(map(str, least))}"
    return None


def node(name="node"):
    """A folder of Node's clients, with their packages."""
    folder = os.path.join(HERE, name)
    stamp = os.path.join(folder, "node_modules", ".installed")
    sources = [os.path.join(folder, name) for name in ("package.json", "package-lock.json")]
    same, text = _unchanged(stamp, sources)
    if not same:
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(text)
    return folder
