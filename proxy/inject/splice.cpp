#include "proxy/inject/splice.hpp"

#include <algorithm>

#include "config/manifest.hpp"

namespace outrigger::inject {
namespace {

using config::Entry;
using config::Node;

class Splicer {
 public:
  Splicer(std::string_view text, const Node& root) : x_text(text), x_root(root) {
    for (size_t at = 0; at < text.size();) {
      x_lines.push_back(at);
      const size_t end = text.find('\n', at);
      at = end == text.npos ? text.size() : end + 1;
    }
  }

  bool cut(const Cut& cut) {
    const Step& last = cut.path.back();
    if (const auto* place = std::get_if<size_t>(&last)) {
      const Node* list = find(x_root, above(cut.path));
      return cut_lines(line_of(list->items[*place].mark), column_of(list->mark), false);
    }
    const Entry* entry = entry_at(cut.path);
    const size_t line = line_of(entry->mark);
    const size_t column = column_of(entry->mark);
    if (margin(line) != column) return false;  // it shares its line with others
    if (cut.leaves == Cut::Leaves::kNothing) {
      return cut_lines(line, column, entry->value.is_list());
    }
    if (!cut_lines(line + 1, column, entry->value.is_list(), 0)) return false;
    const auto colon = colon_of(*entry);
    if (!colon || !is_blank_behind(*colon + 1)) return false;
    if (cut.leaves != Cut::Leaves::kNull) {
      replace(*colon + 1, 0, cut.leaves == Cut::Leaves::kList ? " []" : " {}");
    }
    return true;
  }

  bool add(const Addition& addition) {
    const size_t depth = depth_of(x_root, addition.parent);
    const Path path(addition.parent.begin(),
                    addition.parent.begin() + static_cast<ptrdiff_t>(depth));
    const Node* holder = find(x_root, path);
    if (!is_block(*holder)) return false;
    if (depth < addition.parent.size()) {
      const auto& key = std::get<std::string>(addition.parent[depth]);
      if (const Entry* empty = holder->entry(key)) {
        return fill(*empty, wrapped(addition, depth + 1));
      }
    }
    return add_to(path, *holder, wrapped(addition, depth));
  }

  std::string done() {
    std::stable_sort(x_edits.begin(), x_edits.end(),
                     [](const Edit& a, const Edit& b) { return a.at < b.at; });
    std::string out;
    size_t at = 0;
    for (const Edit& edit : x_edits) {
      if (edit.at > at) out += x_text.substr(at, edit.at - at);
      out += edit.put;
      at = std::max(at, edit.at + edit.length);
    }
    return out += x_text.substr(std::min(at, x_text.size()));
  }

 private:
  struct Edit {
    size_t at;
    size_t length;
    std::string put;
  };

  static Path above(Path path) {
    path.pop_back();
    return path;
  }
  static size_t line_of(const config::Mark& mark) { return static_cast<size_t>(mark.line - 1); }
  static size_t column_of(const config::Mark& mark) { return static_cast<size_t>(mark.column - 1); }

  const Entry* entry_at(const Path& path) const {
    return find(x_root, above(path))->entry(std::get<std::string>(path.back()));
  }
  size_t start(size_t line) const { return line < x_lines.size() ? x_lines[line] : x_text.size(); }
  std::string_view line(size_t number) const {
    return x_text.substr(start(number), start(number + 1) - start(number));
  }
  // Of a line without content: none.
  size_t margin(size_t number) const {
    const std::string_view text = line(number);
    const size_t at = text.find_first_not_of(' ');
    const bool content =
        at != text.npos && text[at] != '#' && text.find_first_not_of(" \t\r\n") != text.npos;
    return content ? at : std::string_view::npos;
  }
  bool is_block(const Node& node) const {
    const size_t at = start(line_of(node.mark)) + column_of(node.mark);
    return at < x_text.size() && x_text[at] != '{' && x_text[at] != '[' && x_text[at] != '*';
  }
  std::optional<size_t> colon_of(const Entry& entry) const {
    const size_t at = start(line_of(entry.mark)) + column_of(entry.mark);
    const bool plain = x_text.substr(at).starts_with(entry.key + ":");
    return plain ? std::optional(at + entry.key.size()) : std::nullopt;
  }
  // Nothing but a comment up to the end of the line.
  bool is_blank_behind(size_t at) const {
    const size_t next = x_text.find_first_not_of(" \t\r", at);
    return next == x_text.npos || x_text[next] == '\n' || (x_text[next] == '#' && next > at);
  }

  // The line after a block that begins in `first` at `column`. Ours have neither comments nor empty
  // lines in them: what follows is not ours.
  size_t end_of_block(size_t first, size_t column, bool list, size_t least = 1) const {
    size_t end = first + least;
    for (; end < x_lines.size(); ++end) {
      const size_t deep = margin(end);
      if (deep == std::string_view::npos || deep < column) break;
      if (deep == column && !(list && x_text[start(end) + deep] == '-')) break;
    }
    return end;
  }

  bool cut_lines(size_t first, size_t column, bool list, size_t least = 1) {
    const size_t end = end_of_block(first, column, list, least);
    size_t at = start(first);
    size_t length = start(end) - at;
    if (end == x_lines.size() && !x_text.ends_with('\n') && at > 0 && length > 0) {
      --at, ++length;  // the text had no line end before, either
    }
    replace(at, length, {});
    return true;
  }

  // `key: []` becomes the key of a block.
  bool fill(const Entry& entry, const Node& content) {
    const auto colon = colon_of(entry);
    if (!colon) return false;
    const size_t next = x_text.find_first_not_of(" \t", *colon + 1);
    const bool brackets = next != x_text.npos && (x_text.substr(next).starts_with("[]") ||
                                                  x_text.substr(next).starts_with("{}"));
    const size_t end = brackets ? next + 2 : *colon + 1;
    if (!is_blank_behind(end)) return false;
    replace(*colon + 1, end - *colon - 1, {});
    put_lines(line_of(entry.mark) + 1,
              config::manifest_yaml(content, column_of(entry.mark) + (content.is_map() ? 2 : 0)));
    return true;
  }

  bool add_to(const Path& path, const Node& holder, const Node& content) {
    const bool is_item = !path.empty() && std::holds_alternative<size_t>(path.back());
    const size_t column =
        holder.is_list() ? column_of(holder.mark) : column_of(holder.entries[0].mark);
    const std::string lines = config::manifest_yaml(content, column);
    if (path.empty() || is_item) {
      if (!holder.is_map()) return false;
      const size_t first = line_of(holder.entries[0].mark);
      const bool own_line = margin(first) == column_of(holder.entries[0].mark);
      const bool more = holder.entries.size() > 1;
      put_lines(own_line ? first
                : more   ? line_of(holder.entries[1].mark)
                         : end_of_block(first, column, holder.entries[0].value.is_list()),
                lines);
      return true;
    }
    const Entry* entry = entry_at(path);
    const auto colon = colon_of(*entry);
    if (!colon || !is_blank_behind(*colon + 1)) return false;
    put_lines(line_of(entry->mark) + 1, lines);
    return true;
  }

  void put_lines(size_t before, std::string lines) {
    if (x_text.find("\r\n") != x_text.npos) {
      for (size_t at = lines.find('\n'); at != lines.npos; at = lines.find('\n', at + 2)) {
        lines.insert(at, 1, '\r');
      }
    }
    if (start(before) == x_text.size() && !x_text.empty() && !x_text.ends_with('\n')) {
      lines.pop_back();
      lines.insert(0, 1, '\n');
    }
    replace(start(before), 0, std::move(lines));
  }

  void replace(size_t at, size_t length, std::string put) {
    x_edits.push_back({at, length, std::move(put)});
  }

  const std::string_view x_text;
  const Node& x_root;
  std::vector<size_t> x_lines;
  std::vector<Edit> x_edits;
};

template <class Change, class Do>
std::optional<std::string> spliced(std::string_view text, const Node& root,
                                   const std::vector<Change>& changes, Do act) {
  Splicer splicer(text, root);
  const bool all = std::all_of(changes.begin(), changes.end(),
                               [&](const Change& change) { return act(splicer, change); });
  return all ? std::optional(splicer.done()) : std::nullopt;
}

}  // namespace

std::optional<std::string> splice(std::string_view text, const Node& root,
                                  const std::vector<Cut>& cuts) {
  return spliced(text, root, cuts,
                 [](Splicer& splicer, const Cut& cut) { return splicer.cut(cut); });
}

std::optional<std::string> splice(std::string_view text, const Node& root,
                                  const std::vector<Addition>& additions) {
  return spliced(text, root, additions,
                 [](Splicer& splicer, const Addition& addition) { return splicer.add(addition); });
}

}  // namespace outrigger::inject
