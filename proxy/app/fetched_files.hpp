// What files said when they were read, until the configuration that names them is in force. A
// value; one thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "config/named_file.hpp"
#include "proxy/io/files.hpp"

namespace outrigger::app {

class FetchedFiles {
 public:
  void put(const std::string& path, const io::FileContent& content);
  void clear() { x_files.clear(); }

  // Null: there is none.
  config::FileBytes bytes(const std::string& path) const;
  // Why it cannot be used; empty: it can. What is wrong with PEM is said by who reads it, unless
  // there is nothing to read.
  std::string why_useless(const config::NamedFile& file) const;

 private:
  struct File {
    config::FileBytes bytes;
    std::string why;  // where there are none
  };
  std::map<std::string, File> x_files;
};

// Of one content, for all its uses. A sentence that begins with the path, or nothing.
std::string why_useless(const std::set<config::FileUse>& uses, const std::string& path,
                        const io::FileContent& content);

}  // namespace outrigger::app
