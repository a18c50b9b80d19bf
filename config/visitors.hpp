#pragma once
// The three readings of one description. `describe(visitor, struct)` lists the keys of a struct:
// name, member, kind, one line of documentation. From it come the reader, the writer of the
// effective configuration and the JSON Schema, so that they cannot drift apart. A kind has:
//   static constexpr bool kContainer;                      a key without a value is as if absent
//   void read(Reader&, const Node&, Member&) const;        checks, and says what is wrong
//   Node write(const Member&) const;                       null: not written
//   Node schema() const;

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.hpp"
#include "config/reader.hpp"

namespace outrigger::config {

// Whether a key may be changed while the process runs, by a patch or the overrides file: not what
// says who a service is and where, and nothing that names a file, or whoever reaches the admin
// address would read the secrets of the sidecar through it.
enum class Live : uint8_t { kYes, kNo };

inline std::string not_live(std::string_view key) {
  return in_quotes(key) + " is not live; change the file";
}

class ReadVisitor {
 public:
  // `section` is the name that later.hpp and messages know the map by.
  ReadVisitor(Reader& reader, const Node& map, std::string_view section)
      : x_reader(reader), x_map(map), x_section(section) {}

  template <class Member, class Kind>
  void key(std::string_view name, Member& member, const Kind& kind, std::string_view /*doc*/,
           Live live = Live::kYes) {
    x_known.push_back(name);
    const Entry* entry = x_map.entry(name);
    if (entry == nullptr) return;
    const Reader::Inside inside(x_reader, name);
    if (live == Live::kNo && refuse_patch(*entry)) return;
    if (!entry->value.is_null()) {
      kind.read(x_reader, entry->value, member);
    } else if (!Kind::kContainer) {
      x_reader.problem(entry->mark, in_quotes(name) + " has no value");
    }
  }
  // A key that the reader of this map has its own answer for.
  void refuse(std::string_view name, std::string_view why);
  // Everything that no key() has claimed is a mistake. `free_prefix` names what is not.
  void finish(std::string_view free_prefix = {});

 private:
  // Whether some of it is from a patch.
  bool refuse_patch(const Entry& entry);

  Reader& x_reader;
  const Node& x_map;
  std::string_view x_section;
  std::vector<std::string_view> x_known;
  std::vector<std::string_view> x_refused;
};

class WriteVisitor {
 public:
  // With `only`, keys that are not in it are left out.
  explicit WriteVisitor(const std::vector<std::string>* only = nullptr) : x_only(only) {}

  template <class Member, class Kind>
  void key(std::string_view name, const Member& member, const Kind& kind, std::string_view /*doc*/,
           Live /*live*/ = Live::kYes) {
    const bool wanted =
        x_only == nullptr || std::find(x_only->begin(), x_only->end(), name) != x_only->end();
    Node value = wanted ? kind.write(member) : Node{};
    if (!value.is_null()) x_map.set(name, std::move(value));
  }
  Node take() { return std::move(x_map); }

 private:
  Node x_map = Node::map();
  const std::vector<std::string>* x_only;
};

class SchemaVisitor {
 public:
  template <class Member, class Kind>
  void key(std::string_view name, const Member& member, const Kind& kind, std::string_view doc,
           Live live = Live::kYes) {
    add(name, kind.schema(), kind.write(member), doc, live);
  }
  Node take();  // an object schema that allows nothing else

 private:
  void add(std::string_view name, Node schema, Node default_value, std::string_view doc, Live live);

  Node x_properties = Node::map();
};

// The schema, or `off` (which a YAML 1.1 tool writes `false`).
Node or_off(Node schema);

// The name of a struct's map in later.hpp and in the schema.
template <class Struct>
inline constexpr std::string_view kSection{};

// What must hold between the keys of one map; overloads stand beside the structs' descriptions.
template <class Struct>
void check(Reader&, const Node&, const Struct&) {}

// A map of fixed keys. Where the struct itself can be switched off, `off` makes it so.
template <class Struct>
struct Map {
  static constexpr bool kContainer = true;
  void (*off)(Struct&) = nullptr;

  void read(Reader& reader, const Node& node, Struct& out) const {
    if (off != nullptr && node.is_off()) return off(out);
    if (!node.is_map()) {
      return reader.wrong(node, off != nullptr ? "a map or off" : "a map", "write {key: value}");
    }
    ReadVisitor visitor(reader, node, kSection<Struct>);
    describe(visitor, out);
    visitor.finish();
    if (reader.is_whole()) check(reader, node, std::as_const(out));
  }
  Node write(Struct value) const {
    WriteVisitor visitor;
    describe(visitor, value);
    return visitor.take();
  }
  Node schema() const {
    Struct built_in{};
    SchemaVisitor visitor;
    describe(visitor, built_in);
    return off == nullptr ? visitor.take() : or_off(visitor.take());
  }
};

// Where the value of `key` stands in `map`, else where the map does.
inline Mark mark_of(const Node& map, std::string_view key) {
  const Node* found = map.find(key);
  return found == nullptr ? map.mark : found->mark;
}

}  // namespace outrigger::config
