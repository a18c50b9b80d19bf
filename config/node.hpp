#pragma once
// A parsed document as a tree of values that remember where they were written. The file layer, the
// overrides over it, the effective output and the schema all have this form. Plain values; used on
// the control thread only. Not a YAML library: yaml.cpp fills it, emit.cpp prints it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::config {

// Where something stands. Lines and columns start at 1. Line 0 means no line: built in, or a patch,
// whose values are counted in `column`.
struct Mark {
  int file = -1;  // index into the names of the files read; -1 is none
  int line = 0;
  int column = 0;

  bool is_of_patch() const { return line == 0 && column > 0; }
  bool operator==(const Mark&) const = default;
};

struct Entry;

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar that is text, even where it looks like a number
  Mark mark;
  std::string text;            // kScalar
  std::vector<Node> items;     // kList
  std::vector<Entry> entries;  // kMap, in order; keys are unique

  static Node scalar(std::string_view text);
  static Node string(std::string_view text);  // a quoted scalar
  static Node number(int64_t value);
  static Node list();
  static Node map();

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  bool is_on() const { return is_scalar() && (text == "on" || text == "true"); }
  bool is_off() const { return is_scalar() && (text == "off" || text == "false"); }

  const Entry* entry(std::string_view key) const;  // null when it is not a map or has no such key
  const Node* find(std::string_view key) const;
  Node& set(std::string_view key, Node value);  // replaces, or appends; returns the value in place
};

struct Entry {
  std::string key;
  Mark mark;  // of the key
  Node value;
};

// `high` over `low`: maps merge key by key, everything else and what is hashed replaces; a null in
// `high` is as if it were not written. What came from `low` keeps its marks.
Node layered(const Node& low, const Node& high);

// YAML in block style that reads back to the same tree, with `${` escaped.
std::string to_yaml(const Node& node);
// One line: `[a, {b: c}]`.
std::string to_flow(const Node& node);
// JSON; scalars that are not quoted and look like a number or boolean are written as such. Indented
// by two when `pretty`.
std::string to_json(const Node& node, bool pretty);

}  // namespace outrigger::config
