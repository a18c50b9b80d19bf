#include "config/yaml.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <sstream>

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/manifest.hpp"
#include "proxy/base/utf8.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";

struct Refused {
  Mark mark;
  std::string what;
};

// `${NAME}` and `${NAME:-default}`; `$${` is a plain `${`.
class Expansion {
 public:
  explicit Expansion(const Environment& environment) : x_environment(environment) {}

  // Sets `problem` where a variable is missing or malformed.
  std::string operator()(std::string_view text, std::string& problem) const {
    std::string out;
    while (true) {
      const size_t at = text.find("${");
      if (at == std::string_view::npos) return out += text;
      if (at > 0 && text[at - 1] == '$') {
        out += text.substr(0, at - 1);
        out += "${";
        text.remove_prefix(at + 2);
        continue;
      }
      out += text.substr(0, at);
      const size_t close = text.find('}', at);
      if (close == std::string_view::npos) {
        problem = "\"${\" has no closing \"}\"; write \"$${\" for a plain \"${\"";
        return out;
      }
      out += value(text.substr(at + 2, close - at - 2), problem);
      text.remove_prefix(close + 1);
    }
  }

 private:
  std::string value(std::string_view inside, std::string& problem) const {
    const size_t dash = inside.find(":-");
    const std::string name(inside.substr(0, dash));
    const auto is_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_word) ||
        std::isdigit(static_cast<unsigned char>(name[0])) != 0) {
      problem = "\"${" + std::string(inside) + "}\" names no environment variable; " +
                "write ${NAME} or ${NAME:-default}, and \"$${\" for a plain \"${\"";
      return {};
    }
    const std::optional<std::string> found = x_environment ? x_environment(name) : std::nullopt;
    if (dash != std::string_view::npos) {
      return found && !found->empty() ? *found : std::string(inside.substr(dash + 2));
    }
    if (!found) {
      problem = "environment variable " + name + " is not set; ${" + name +
                ":-default} would give it a default";
    }
    return found.value_or("");
  }

  const Environment& x_environment;
};

// Whose text it is, and how much it may say.
struct Manner {
  bool ours = true;  // variables expand, and the key `true` is `on`
  size_t nodes = kMaxYamlNodes;
};

// Builds the tree from yaml-cpp's events: its own Node class shares aliased nodes, hides duplicate
// keys and knows no positions of keys.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(int file, const Environment& environment, std::vector<Mark>* unexpanded,
              Manner manner = {})
      : x_file(file), x_expansion(environment), x_unexpanded(unexpanded), x_manner(manner) {}

  Node take_root() { return std::move(x_root); }
  std::vector<Refused>& refused() { return x_refused; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++x_documents > 1) throw Refused{at(mark), "a second document begins; one file is one"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = at(mark);
    value(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = x_anchors.find(anchor);
    if (found == x_anchors.end()) throw Refused{at(mark), "an alias within its own anchor"};
    count(found->second, at(mark));
    if (is_key_expected()) throw Refused{at(mark), "a key must be plain text, not an alias"};
    value(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    Node node = Node::scalar(text);
    node.quoted = tag == "!" || tag == kStringTag;
    node.mark = at(mark);
    if (x_manner.ours && !is_key_expected() && text.find("${") != std::string::npos) {
      std::string problem;
      std::string expanded = x_expansion(text, problem);
      if (x_unexpanded == nullptr) {
        node.text = std::move(expanded);
      } else if (problem.empty()) {
        x_unexpanded->push_back(node.mark);
      }
      if (!problem.empty()) x_refused.push_back({node.mark, problem});
    }
    count(node, node.mark);
    value(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::list());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::map());
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool has_merge = false;
    Entry pending;             // its value comes next
    std::vector<Node> merges;  // of `<<`, in order
  };

  Mark at(const YAML::Mark& mark) const { return {x_file, mark.line + 1, mark.column + 1}; }

  bool is_key_expected() const {
    return !x_frames.empty() && x_frames.back().node.is_map() && !x_frames.back().has_key;
  }

  // Of others only the tags that change nothing: their numbers are not ours to read.
  bool is_known(const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag == kStringTag) return true;
    if (!x_manner.ours) return tag == "tag:yaml.org,2002:map" || tag == "tag:yaml.org,2002:seq";
    return tag.starts_with("tag:yaml.org,2002:") && !tag.ends_with(":binary");
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!is_known(tag))
      x_refused.push_back({at(mark), "the tag \"" + tag + "\" has no meaning here"});
  }

  void count(const Node& node, const Mark& mark) {
    if (++x_nodes > x_manner.nodes) {
      throw Refused{mark, "more than " + std::to_string(x_manner.nodes) +
                              " values once aliases are resolved"};
    }
    x_bytes += node.text.size();
    if (x_bytes > kMaxYamlExpandedBytes) {
      throw Refused{mark, "more than 16MiB of text once aliases are resolved"};
    }
    for (const Node& item : node.items) count(item, mark);
    for (const Entry& entry : node.entries) count(entry.value, mark);
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
    check_tag(mark, tag);
    if (is_key_expected()) throw Refused{at(mark), "a key must be plain text"};
    if (x_frames.size() >= kMaxYamlDepth) {
      throw Refused{at(mark),
                    "nested deeper than " + std::to_string(kMaxYamlDepth) + " lists and maps"};
    }
    node.mark = at(mark);
    count(node, node.mark);
    x_frames.push_back(Frame{std::move(node), anchor, false, false, {}, {}});
  }

  void close() {
    Frame frame = std::move(x_frames.back());
    x_frames.pop_back();
    for (const Node& merge : frame.merges) {
      for (const Entry& entry : merge.entries) {
        if (frame.node.entry(entry.key) == nullptr) frame.node.entries.push_back(entry);
      }
    }
    value(std::move(frame.node), frame.anchor);
  }

  void value(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      count(node, node.mark);  // a copy is kept: anchors within anchors must not multiply it
      x_anchors[anchor] = node;
    }
    if (x_frames.empty()) {
      x_root = std::move(node);
      return;
    }
    Frame& frame = x_frames.back();
    if (frame.node.is_list()) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      begin_entry(frame, node);
    } else {
      end_entry(frame, std::move(node));
    }
  }

  void begin_entry(Frame& frame, const Node& key) const {
    if (!key.is_scalar()) throw Refused{key.mark, "a key is missing"};
    frame.pending.key = x_manner.ours && key.text == "true" ? "on" : key.text;
    frame.pending.mark = key.mark;
    frame.pending.value.quoted = key.quoted;  // until the value comes
    frame.has_key = true;
  }

  void end_entry(Frame& frame, Node node) {
    frame.has_key = false;
    const bool merges = frame.pending.key == "<<" && !frame.pending.value.quoted;
    const Entry* first = frame.node.entry(frame.pending.key);
    if (merges && !frame.has_merge) {
      frame.has_merge = true;
      merge(frame, std::move(node));
      return;
    }
    if (merges || first != nullptr) {
      const std::string line =
          merges ? "" : "; the first is in line " + std::to_string(first->mark.line);
      x_refused.push_back(
          {frame.pending.mark, "\"" + frame.pending.key + "\" is given twice" + line});
      return;
    }
    if (frame.node.entries.size() >= kMaxYamlKeys) {
      throw Refused{frame.pending.mark,
                    "more than " + std::to_string(kMaxYamlKeys) + " keys in one map"};
    }
    frame.pending.value = std::move(node);
    frame.node.entries.push_back(std::move(frame.pending));
  }

  void merge(Frame& frame, Node node) {
    const bool maps = std::all_of(node.items.begin(), node.items.end(),
                                  [](const Node& item) { return item.is_map(); });
    if (node.is_map()) {
      frame.merges.push_back(std::move(node));
    } else if (node.is_list() && maps) {
      for (Node& item : node.items) frame.merges.push_back(std::move(item));
    } else {
      x_refused.push_back({node.mark, "\"<<\" merges a map or a list of maps; is a * missing?"});
    }
  }

  int x_file;
  Expansion x_expansion;
  std::vector<Mark>* const x_unexpanded;
  const Manner x_manner;
  int x_documents = 0;
  size_t x_nodes = 0;
  size_t x_bytes = 0;
  Node x_root;
  std::vector<Frame> x_frames;
  std::map<YAML::anchor_t, Node> x_anchors;
  std::vector<Refused> x_refused;
};

// What most often breaks a line: `${NAME}` where braces and brackets have a meaning.
std::string hint(std::string_view text, const Mark& mark) {
  for (int line = 1; line < mark.line; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  const bool expands = text.substr(0, text.find('\n')).find("${") != std::string_view::npos;
  return expands ? "; quote \"${NAME}\" within [ ] and { }" : "";
}

// YAML has no control characters, and yaml-cpp would take one of them for the end of the file.
std::optional<Refused> find_bad_character(int file, std::string_view text) {
  Mark mark{file, 1, 1};
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8_length(text);
    if (length == 0) return Refused{mark, "this is not UTF-8"};
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      return Refused{mark, "a control character; within \"double quotes\" write it as \\xNN"};
    }
    mark.column = c == '\n' ? 1 : mark.column + 1;
    mark.line += c == '\n' ? 1 : 0;
    text.remove_prefix(length);
  }
  return std::nullopt;
}

// False: it ended before the text did. What is wrong is added to `builder`.
bool read(TreeBuilder& builder, const FileText& file) {
  try {
    std::istringstream stream{std::string(file.text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return true;
  } catch (const Refused& refused) {
    builder.refused().push_back(refused);
  } catch (const YAML::Exception& error) {
    const Mark mark{file.index, std::max(error.mark.line, 0) + 1,
                    std::max(error.mark.column, 0) + 1};
    builder.refused().push_back({mark, "this is not YAML: " + error.msg + hint(file.text, mark)});
  }
  return false;
}

}  // namespace

Node parse_yaml(const FileText& file, const Environment& environment,
                std::vector<Problem>& problems, std::vector<Mark>* unexpanded) {
  const auto add = [&](const Mark& mark, const std::string& what) {
    problems.push_back(Problem{std::string(file.name), mark.line, mark.column, "", what});
  };
  if (file.text.size() > kMaxYamlBytes) {
    add({file.index, 1, 1}, "the file is larger than 1MiB");
    return {};
  }
  if (const auto bad = find_bad_character(file.index, file.text)) {
    add(bad->mark, bad->what);
    return {};
  }
  TreeBuilder builder(file.index, environment, unexpanded);
  const bool whole = read(builder, file);
  for (const Refused& refused : builder.refused()) add(refused.mark, refused.what);
  return whole ? builder.take_root() : Node{};
}

Result<Node> parse_manifest_yaml(std::string_view text) {
  const Environment none;
  TreeBuilder builder(-1, none, nullptr, {.ours = false, .nodes = kMaxManifestNodes});
  if (const auto bad = find_bad_character(-1, text)) {
    builder.refused().push_back(*bad);
  } else {
    read(builder, {-1, {}, text});
  }
  if (builder.refused().empty()) return builder.take_root();
  const Refused& first = builder.refused().front();
  return failure(std::to_string(first.mark.line) + ":" + std::to_string(first.mark.column) + ": " +
                 first.what);
}

}  // namespace outrigger::config
