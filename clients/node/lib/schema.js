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
  "uniqueItems", "contains", "minContains", "maxContains", "properties", "required", "additionalProperties",
  "patternProperties", "minProperties", "maxProperties", "propertyNames", "nullable", "deprecated", "readOnly",
  "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "not", "if", "then", "else",
  "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "definitions",
  "markdownDescription", "enumNames", "enumDescriptions", "errorMessage", "discriminator", "externalDocs",
  "sensitive", "optional",
]);
const TELLING = ["type", "$ref", "$dynamicRef", ...COMBINERS, "not", "if", "enum", "const"];
const TEXTS = ["$ref", "title", "description", "format"];
const MAX_DEPTH = 100;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Whether a plain object is a JSON Schema and nothing else: known keywords, `$…` and `x-…`, and one that tells. */
function isSchema(value, depth = 0) {
  if (!isObject(value) || depth > MAX_DEPTH) return false;
  const keys = Object.keys(value);
  if (!keys.every((key) => KEYWORDS.has(key) || key[0] === "$" || key.startsWith("x-"))) return false;
  if (!TELLING.some((name) => Object.hasOwn(value, name))) return false;
  const kinds = Array.isArray(value.type) ? value.type : [value.type ?? []].flat();
  if (!kinds.every((kind) => TYPES.has(kind))) return false;
  if (!TEXTS.every((name) => value[name] === undefined || typeof value[name] === "string")) return false;
  const members = COMBINERS.filter((name) => Object.hasOwn(value, name)).map((name) => value[name]);
  return members.every((each) => Array.isArray(each) && each.every((one) => isSchema(one, depth + 1)));
}

module.exports = { COMBINERS, VALUES, isObject, isSchema };
