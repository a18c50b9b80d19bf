"""What real registries answer, kept for the fakes: fakes/recorded/KIND.json. A story of the real
one compares; with OUTRIGGER_RECORD=1 it writes the file anew."""
import json
import os

import tools

FOLDER = tools.ROOT / "tests/conformance/fakes/recorded"
# They differ each time, and say nothing.
FIELDS = {"date", "content-length", "connection", "keep-alive", "transfer-encoding", "audit-id"}
MEMBERS = {"managedFields", "annotations"}


def without_noise(value):
    if isinstance(value, dict):
        return {name: without_noise(each) for name, each in value.items() if name not in MEMBERS}
    if isinstance(value, list):
        return [without_noise(each) for each in value[:1]]
    return value


def shape(value):
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def answer_of(server, path, fields):
    status, body, said = server.ask("GET", path, fields=fields)
    return {"status": status, "body": without_noise(json.loads(body)) if body else None,
            "fields": {name: value for name, value in said.items() if name.lower() not in FIELDS}}


def differs(registry):
    """From what is kept: in words, or None."""
    answers = {name: answer_of(registry.server, *question)
               for name, question in registry.recorded().items()}
    file = FOLDER / f"{registry.kind}.json"
    if os.environ.get("OUTRIGGER_RECORD"):
        file.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
    kept = json.loads(file.read_text())
    return next((f'of "{name}" {part} is {found}, and the fake has {known}'
                 for name, answer in answers.items()
                 for part, found, known in (
                     ("status", answer["status"], kept[name]["status"]),
                     ("fields", sorted(answer["fields"]), sorted(kept[name]["fields"])),
                     ("body", shape(answer["body"]), shape(kept[name]["body"])))
                 if found != known), None)
