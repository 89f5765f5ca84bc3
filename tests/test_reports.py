"""Reports are read by other people's programs: each is held against its reader's own rules."""

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from companion.checking.classroom import reports
from companion.checking.verdict import Report, Status, Verdict

# The rules that the two schemas in common use make, Ant's and Jenkins's, taken together.
JUNIT = xmlschema.XMLSchema(
    """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:simpleType name="name">
    <xs:restriction base="xs:token"><xs:minLength value="1"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="moment">
    <xs:restriction base="xs:dateTime"><xs:pattern value="[-0-9]{10}T[:0-9]{8}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="seconds">
    <xs:restriction base="xs:decimal"><xs:pattern value="[0-9]+(\\.[0-9]*)?"/></xs:restriction>
  </xs:simpleType>
  <xs:complexType name="trouble">
    <xs:simpleContent><xs:extension base="xs:string">
      <xs:attribute name="message" type="xs:string"/>
      <xs:attribute name="type" type="xs:string" use="required"/>
    </xs:extension></xs:simpleContent>
  </xs:complexType>
  <xs:element name="testsuites"><xs:complexType><xs:sequence>
    <xs:element name="testsuite" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
      <xs:sequence>
        <xs:element name="properties"><xs:complexType><xs:sequence>
          <xs:element name="property" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
            <xs:attribute name="name" type="name" use="required"/>
            <xs:attribute name="value" type="xs:string" use="required"/>
          </xs:complexType></xs:element>
        </xs:sequence></xs:complexType></xs:element>
        <xs:element name="testcase" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
          <xs:choice minOccurs="0">
            <xs:element name="skipped" type="trouble"/>
            <xs:element name="error" type="trouble"/>
            <xs:element name="failure" type="trouble"/>
          </xs:choice>
          <xs:attribute name="name" type="xs:token" use="required"/>
          <xs:attribute name="classname" type="xs:token" use="required"/>
          <xs:attribute name="time" type="seconds" use="required"/>
        </xs:complexType></xs:element>
        <xs:element name="system-out" type="xs:string"/>
        <xs:element name="system-err" type="xs:string"/>
      </xs:sequence>
      <xs:attribute name="id" type="xs:int" use="required"/>
      <xs:attribute name="name" type="name" use="required"/>
      <xs:attribute name="package" type="xs:token" use="required"/>
      <xs:attribute name="timestamp" type="moment" use="required"/>
      <xs:attribute name="hostname" type="name" use="required"/>
      <xs:attribute name="tests" type="xs:int" use="required"/>
      <xs:attribute name="failures" type="xs:int" use="required"/>
      <xs:attribute name="errors" type="xs:int" use="required"/>
      <xs:attribute name="skipped" type="xs:int"/>
      <xs:attribute name="time" type="seconds" use="required"/>
    </xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
)
NOON = "2026-01-01T12:00:00"
texts = st.text(st.characters(exclude_categories=[]))  # lone surrogates and controls included


def verdict(name="double", status="pass", message="", **more):
    return Verdict(name, "arithmetic", Status(status), message, **more)


def class_of(*verdicts, learner="ada", **more):
    return reports.cleaned(Report(learner, f"{learner}.py", verdicts, "sandbox", **more))


EVERY_STATUS = class_of(
    *(verdict(f"e{n}", status, f"{status} & <so on>") for n, status in enumerate(Status)),
    notes=("Two submissions.",),
)


@given(message=texts, details=texts, learner=texts)
def test_whatever_a_learners_code_says_every_report_stays_readable(message, details, learner):
    result = [
        class_of(verdict("double", "error", message, details=details), learner=learner or "x")
    ]
    ElementTree.fromstring(reports.to_junit(result, timestamp=NOON))
    assert json.loads(reports.dumps(reports.to_json(result)).encode())
    assert json.loads(reports.dumps(reports.to_gradescope(result[0])).encode())
    rows = list(csv.reader(io.StringIO(reports.to_csv(result).encode().decode(), newline="")))
    assert [len(row) for row in rows] == [6, 6]


def test_junit_follows_the_schema_whatever_the_status():
    text = reports.to_junit([EVERY_STATUS, class_of(learner="nobody")], timestamp=NOON)
    JUNIT.validate(text)


def test_the_schema_in_this_file_can_refuse():
    text = reports.to_junit([EVERY_STATUS], timestamp=NOON)
    for wrong in (
        text.replace(' hostname="localhost"', ""),
        text.replace(NOON, "noon"),
        text.replace("<system-err />", ""),
        text.replace("<failure ", "<broken ").replace("</failure>", "</broken>"),
    ):
        assert wrong != text
        assert not JUNIT.is_valid(wrong)


def test_a_long_name_is_cut_and_stays_apart():
    long = ["n" * 245 + end for end in "ab"] + ["\N{SNOWMAN}" * 80 + end for end in "ab"]
    names = {reports.file_name(learner, ".json") for learner in long}
    assert len(names) == 4
    assert all(len(name.encode()) < 220 and name.endswith(".json") for name in names)


def test_junit_counts_what_it_lists():
    suite = ElementTree.fromstring(reports.to_junit([EVERY_STATUS], timestamp=NOON))[0]
    for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(counted)) == len(suite.findall(f"testcase/{tag}")) > 0
    assert int(suite.get("tests")) == len(suite.findall("testcase")) == len(Status)


def test_the_commonest_mistake_of_the_class_comes_first():
    flipped, floor = "The kernel is flipped.", "The floor is forgotten."
    result = [
        class_of(verdict(status="fail", mistake=mistake), learner=str(n))
        for n, mistake in enumerate([floor, flipped, flipped, None])
    ]
    (summary,) = reports.by_exercise([*result, class_of(verdict(), learner="right")])
    assert summary.mistakes == ((flipped, 2), (floor, 1))
    assert summary.counts == {"pass": 1, "fail": 4}
    assert summary.learners == 5


def test_json_keeps_every_clock_apart():
    one, other = (
        reports.to_json([class_of(verdict(seconds=seconds), seconds=seconds)])
        for seconds in (0.1, 0.2)
    )
    assert one.pop("timings") != other.pop("timings")
    assert one == other


def test_csv_has_a_row_a_learner_with_points_and_reasons():
    result = [
        class_of(verdict(points=2.0), verdict("triple", "fail", "Times two."), learner="ada"),
        class_of(verdict(points=2.0), learner="bob", notes=("Late.",)),
    ]
    rows = list(csv.DictReader(io.StringIO(reports.to_csv(result))))
    assert rows[0] == {
        "learner": "ada",
        "score": "2.0",
        "max_score": "3.0",
        "double": "2.0",
        "double: why not": "",
        "triple": "0.0",
        "triple: why not": "fail: Times two.",
        "notes": "",
    }
    assert rows[1]["triple"] == ""
    assert rows[1]["notes"] == "Late."


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_learner_cannot_put_a_formula_into_the_gradebook(start):
    result = [class_of(verdict(), learner=f"{start}HYPERLINK(1)")]
    assert f"\n'{start}HYPERLINK(1)," in reports.to_csv(result)


def test_gradescope_gets_the_fields_it_documents_and_no_seed():
    outcome = class_of(
        verdict(points=2.0),
        verdict("triple", "fail", "Times two.", details="triple(1)"),
        seed=8_675_309,
        seconds=1.5,
    )
    result = reports.to_gradescope(outcome)
    assert result["score"] == 2.0
    assert result["execution_time"] == 1.5
    assert result["output"] == "Isolation: sandbox"
    nothing_run = reports.to_gradescope(replace(outcome, isolation=""))
    assert nothing_run["output"] == "Isolation: none needed, nothing was run"
    passed, failed = result["tests"]
    assert (passed["score"], passed["max_score"], passed["status"]) == (2.0, 2.0, "passed")
    assert (failed["score"], failed["max_score"], failed["status"]) == (0.0, 1.0, "failed")
    assert failed["output"] == "fail: Times two.\n\ntriple(1)"
    assert {result["visibility"], passed["visibility"]} == {"visible"}
    assert {result["output_format"], passed["output_format"]} == {"text"}
    assert "8675309" not in json.dumps(result)
