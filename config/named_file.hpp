#pragma once
// The files that a configuration names besides itself: certificates, keys, tokens, secrets of
// header fields, bodies of answers. The configuration only says where they are; the application
// reads and watches them. Values; any thread.

#include <functional>
#include <string>
#include <string_view>

#include "config/model.hpp"
#include "config/problem.hpp"

namespace outrigger::config {

// What the bytes of a file become.
enum class FileUse : uint8_t { kPem, kToken, kHeader, kBody, kHosts };

struct NamedFile {
  std::string path;
  FileUse use = FileUse::kPem;
  Problem place;  // of the key that names it; says nothing yet

  Problem problem(const std::string& why) const {
    Problem problem = place;
    problem.what = why;
    return problem;
  }
};

// Why a file with these bytes is of no use; empty: it is.
std::string why_useless(FileUse use, std::string_view bytes);

// A secret, or the value of a field, without the newline that ends its file.
std::string_view without_newline(std::string_view bytes);

// Fills in what the policies name. `content_of` may give null.
void fill_contents(Config& config,
                   const std::function<FileBytes(const std::string& path)>& content_of);

}  // namespace outrigger::config
