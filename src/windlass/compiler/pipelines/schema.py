"""The JSON Schema of pipelines, for editors: what their shape says, and the templates there are."""

from typing import Any

from windlass.compiler.pipelines.shape import FILE, OLDER_FILE
from windlass.compiler.pipelines.templates import Template, read_template
from windlass.compiler.shapes import Json, schema
from windlass.domain.template import NO_TEMPLATES, Templates

_VARIABLE = r"^\$\{vars\."


def pipeline_schema(templates: Templates = NO_TEMPLATES) -> Json:
    """The JSON Schema of a pipeline, both forms, with the params of these templates. It cannot say
    what names refer to, what a schedule means, and which pairs of endpoints work: that
    `windlass compile` does."""
    newer = schema(FILE)
    pipeline = newer["properties"]["pipeline"]
    named = _with_templates(templates)
    if named:
        refs = [one["if"]["properties"]["template"]["const"] for one in named]
        pipeline["properties"]["template"]["anyOf"] = [
            {"enum": refs},
            {"pattern": pipeline["properties"]["template"].pop("pattern")},
        ]
        pipeline["allOf"] = [*pipeline.get("allOf", []), *named]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of Windlass",
        "description": "One pipeline, compiled to one DAG file (docs/pipelines/README.md).",
        "if": {"required": ["apiVersion"]},
        "then": _or_variable(newer),
        "else": schema(OLDER_FILE),
    }


def _with_templates(templates: Templates) -> list[Json]:
    """For each template that can be named: what `with` holds."""
    refs = {ref: ref for ref in templates.texts}
    for wanted, version in templates.lock.chosen.items():
        refs[wanted] = f"{wanted.partition('@')[0]}@{version}"
    made = []
    for wanted, ref in sorted(refs.items()):
        template, _ = read_template(ref, templates.texts.get(ref, b""))
        if template is not None:
            named = {"required": ["template"], "properties": {"template": {"const": wanted}}}
            made.append({"if": named, "then": _params_of(template)})
    return made


def _params_of(template: Template) -> Json:
    required = [name for name in template.params if name not in template.defaults]
    given: Json = {
        "description": template.description,
        "properties": {name: dict(one) for name, one in template.params.items()},
        "additionalProperties": False,
    }
    if required:
        given["required"] = required
    return {"properties": {"with": given}, **({"required": ["with"]} if required else {})}


def _or_variable(value: Any) -> Any:
    """The schema, every number, truth value and word also as a variable that is filled in later."""
    if isinstance(value, list):
        return [_or_variable(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _or_variable(one) for key, one in value.items()}
    words = isinstance(value.get("enum"), list)  # else it is a key of that name
    if value.get("type") not in ("integer", "boolean") and not words:
        return made
    about = {"description": made.pop("description")} if "description" in made else {}
    return {**about, "anyOf": [made, {"type": "string", "pattern": _VARIABLE}]}
