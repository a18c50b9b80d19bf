#pragma once
// The kinds of scalar, and what can be made of other kinds: `off`, lists, optional keys. See
// visitors.hpp for what a kind is.

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/visitors.hpp"

namespace outrigger::config {

// Schema parts. Every scalar may also be a text with a `${variable}` in it.
Node enum_schema(std::span<const std::string_view> words);
Node any_of(std::vector<Node> schemas);
Node array_of(Node item);
Node map_of(Node value);

struct Duration {
  static constexpr bool kContainer = false;
  int64_t min_ms = 1;

  void read(Reader& reader, const Node& node, int64_t& out) const;
  Node write(int64_t ms) const;
  Node schema() const;
};

struct Size {
  static constexpr bool kContainer = false;
  int64_t min_bytes = 0;

  void read(Reader& reader, const Node& node, int64_t& out) const;
  Node write(int64_t bytes) const;
  Node schema() const;
};

// So many an hour.
struct Rate {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, int64_t& out) const;
  Node write(int64_t per_h) const;
  Node schema() const;
};

struct Share {
  static constexpr bool kContainer = false;
  bool may_be_zero = true;

  void read(Reader& reader, const Node& node, double& out) const;
  Node write(double share) const;
  Node schema() const;
};

// A share for which `off` is another way to write none.
struct ShareOrOff {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, double& out) const;
  Node write(double share) const;
  Node schema() const;
};

struct Count {
  static constexpr bool kContainer = false;
  int64_t min = 0;
  int64_t max = 1'000'000'000;

  template <std::integral Number>
  void read(Reader& reader, const Node& node, Number& out) const {
    static_assert(sizeof(Number) >= sizeof(int));
    if (const auto value = parse(reader, node)) out = static_cast<Number>(*value);
  }
  Node write(int64_t value) const { return Node::number(value); }
  Node schema() const;

 private:
  std::optional<int64_t> parse(Reader& reader, const Node& node) const;
};

struct Flag {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, bool& out) const;
  Node write(bool value) const;
  Node schema() const;
};

// Any text, or what `accepts` lets through.
struct Text {
  static constexpr bool kContainer = false;
  std::string_view wanted = "text";
  std::string_view hint = {};
  bool (*accepts)(std::string_view) = nullptr;

  void read(Reader& reader, const Node& node, std::string& out) const;
  Node write(const std::string& text) const;
  Node schema() const;
};

Text ip_address_kind(std::string_view hint);  // IP:PORT or unix:PATH, for listening
Text name_kind();                             // of what the file names itself

// The path of a file, or nothing. The file is not looked at: the reader notes that it is named.
struct FilePath {
  static constexpr bool kContainer = false;
  FileUse use = FileUse::kPem;

  void read(Reader& reader, const Node& node, std::string& out) const;
  Node write(const std::string& path) const;
  Node schema() const;
};

// One of the words of an enum; `words` are in the order of its values.
template <class Enum>
struct Choice {
  static constexpr bool kContainer = false;
  std::span<const std::string_view> words;

  void read(Reader& reader, const Node& node, Enum& out) const {
    if (!node.is_scalar()) return reader.wrong(node, "a word");
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] == node.text) return void(out = static_cast<Enum>(i));
    }
    if (reader.is_later(node.mark, reader.key(), node.text)) return;
    reader.unknown(node.mark, std::string(reader.key()), node.text, words);
  }
  Node write(Enum value) const { return Node::scalar(words[static_cast<size_t>(value)]); }
  Node schema() const { return enum_schema(words); }
};

// A kind, or a word that stands for nothing: `off`, `auto`, `refuse`.
template <class Kind>
struct Or {
  static constexpr bool kContainer = Kind::kContainer;
  std::string_view word;
  Kind kind;

  template <class Value>
  void read(Reader& reader, const Node& node, std::optional<Value>& out) const {
    const bool is_word = word == "off" ? node.is_off() : node.is_scalar() && node.text == word;
    if (is_word) return out.reset();
    out.emplace();
    kind.read(reader, node, *out);
  }
  template <class Value>
  Node write(const std::optional<Value>& value) const {
    return value ? kind.write(*value) : Node::scalar(word);
  }
  Node schema() const {
    if (word == "off") return or_off(kind.schema());
    return any_of({enum_schema(std::array<std::string_view, 1>{word}), kind.schema()});
  }
};

template <class Kind>
Or<Kind> off_or(Kind kind) {
  return {"off", kind};
}

// Off, on (all as it is built in), or a kind.
template <class Kind>
struct Switch {
  static constexpr bool kContainer = Kind::kContainer;
  Kind kind;

  template <class Value>
  void read(Reader& reader, const Node& node, std::optional<Value>& out) const {
    if (node.is_off()) return out.reset();
    out.emplace();
    if (!node.is_on()) kind.read(reader, node, *out);
  }
  template <class Value>
  Node write(const std::optional<Value>& value) const {
    if (!value) return Node::scalar("off");
    return *value == Value{} ? Node::scalar("on") : kind.write(*value);
  }
  Node schema() const { return any_of({Flag{}.schema(), kind.schema()}); }
};

// A key that is written only when it is there.
template <class Kind>
struct Maybe {
  static constexpr bool kContainer = Kind::kContainer;
  Kind kind;

  template <class Value>
  void read(Reader& reader, const Node& node, std::optional<Value>& out) const {
    out.emplace();
    kind.read(reader, node, *out);
  }
  template <class Value>
  Node write(const std::optional<Value>& value) const {
    return value ? kind.write(*value) : Node{};
  }
  Node schema() const { return kind.schema(); }
};

// {name: text}, sorted by name.
struct TextMap {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::map<std::string, std::string>& out) const;
  Node write(const std::map<std::string, std::string>& texts) const;
  Node schema() const;
};

template <class Kind>
struct List {
  static constexpr bool kContainer = true;
  Kind kind;
  bool single = false;  // one value stands for a list of one
  size_t min_items = 0;
  size_t max_items = 10'000;
  bool or_empty = false;  // `off` is the empty list

  template <class Value>
  void read(Reader& reader, const Node& node, std::vector<Value>& out) const {
    out.clear();
    if (or_empty && node.is_off()) return;
    if (!node.is_list()) {
      if (!single || node.is_null()) return reader.wrong(node, "a list", "write [a, b]");
      return kind.read(reader, node, out.emplace_back());
    }
    if (node.items.size() < min_items)
      reader.problem(node.mark, in_quotes(reader.key()) + " is empty");
    if (node.items.size() > max_items) {
      return reader.problem(node.mark, in_quotes(reader.key()) + " has " +
                                           std::to_string(node.items.size()) +
                                           " items, more than " + std::to_string(max_items));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Reader::Inside inside(reader, "[" + std::to_string(i) + "]");
      kind.read(reader, node.items[i], out.emplace_back());
    }
  }
  template <class Value>
  Node write(const std::vector<Value>& values) const {
    Node list = Node::list();
    for (const Value& value : values) list.items.push_back(kind.write(value));
    return list;
  }
  Node schema() const {
    if (or_empty) return or_off(array_of(kind.schema()));
    if (!single) return array_of(kind.schema());
    return any_of({kind.schema(), array_of(kind.schema())});
  }
};

}  // namespace outrigger::config
