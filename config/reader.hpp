#pragma once
// Collects what is wrong while a tree of values is read into the model, and knows where in the tree
// the reading is. One reader reads one document, once. It never stops at a mistake.

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/named_file.hpp"
#include "config/problem.hpp"

namespace outrigger::config {

class Reader {
 public:
  explicit Reader(const Document& document) : x_document(document) {}

  const Document& document() const { return x_document; }

  // The same problem at the same place is kept once: `defaults` are read for every service.
  void problem(const Mark& mark, std::string what);
  // `"key" is VALUE, not WANTED; HINT`
  void wrong(const Node& node, std::string_view wanted, std::string_view hint = {});
  // `unknown WHAT "word"; did you mean "..."?`, or what is known when nothing is near.
  void unknown(const Mark& mark, std::string_view what, std::string_view word,
               std::span<const std::string_view> known);
  // Whether `name` belongs to a later version; says so unless `value` asks for nothing.
  bool is_later(const Mark& mark, std::string_view section, std::string_view name,
                const Node* value = nullptr);
  // The file at `path` is named here. Kept once for each use.
  void names_file(const Mark& mark, const std::string& path, FileUse use);
  // Problems in the order of the files.
  std::vector<Problem> take();
  // In the order in which they were read.
  std::vector<NamedFile> take_files() { return std::move(x_files); }

  std::string_view key() const;  // the innermost name on the path
  std::string path() const;      // all of them, with dots

  // While it lives, what is read is one layer of several, and what must hold between keys is not
  // asked: the other key may stand in another layer.
  class Partial {
   public:
    explicit Partial(Reader& reader) : x_reader(reader) { ++x_reader.x_partial; }
    ~Partial() { --x_reader.x_partial; }
    Partial(const Partial&) = delete;
    Partial& operator=(const Partial&) = delete;

   private:
    Reader& x_reader;
  };
  bool is_whole() const { return x_partial == 0; }

  // While it lives, reading is inside `name`.
  class Inside {
   public:
    Inside(Reader& reader, std::string_view name) : x_reader(reader) {
      x_reader.x_path.emplace_back(name);
    }
    ~Inside() { x_reader.x_path.pop_back(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Reader& x_reader;
  };

 private:
  Problem at(const Mark& mark, std::string what) const;

  const Document& x_document;
  int x_partial = 0;
  std::vector<std::string> x_path;
  std::vector<std::pair<Mark, Problem>> x_problems;
  std::set<std::string> x_said;
  std::vector<NamedFile> x_files;
  std::set<std::pair<std::string, FileUse>> x_named;
};

// What a value looks like in a message: `"text"`, `a list`.
std::string shown(const Node& node);
inline std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace outrigger::config
