// Recognises JSON Schemas, so that a tool's parameter called `password` stays described in the log.
"use strict";

const TYPES = new Set(["string", "number", "integer", "boolean", "array", "object", "null"]);
const COMBINERS = ["anyOf", "oneOf", "allOf"];
/** Keywords whose content is a value and may itself be the secret. */
const VALUES = new Set(["default", "const", "enum", "examples", "example"]);
const KEYWORDS = new Set([
  ...VALUES, ...COMBINERS,
  "type", "title", "description", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
  "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems", "minItems", "maxItems",
  "uniqueItems", "contains", "properties", "required", "additionalProperties", "patternProperties",
  "minProperties", "maxProperties", "propertyNames", "nullable", "deprecated", "readOnly", "writeOnly",
  "contentEncoding", "contentMediaType", "not", "$ref", "$comment",
]);
const MAX_DEPTH = 100;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Whether a plain object is a JSON Schema and nothing else. */
function isSchema(value, depth = 0) {
  if (!isObject(value) || depth > MAX_DEPTH) return false;
  const keys = Object.keys(value);
  if (keys.length === 0 || !keys.every((key) => KEYWORDS.has(key))) return false;
  const kinds = [value.type ?? []].flat();
  if (!kinds.every((kind) => TYPES.has(kind))) return false;
  const members = COMBINERS.flatMap((name) => value[name] ?? []);
  return members.every((member) => isSchema(member, depth + 1)) && (kinds.length > 0 || members.length > 0);
}

module.exports = { COMBINERS, VALUES, isObject, isSchema };
