#include "proxy/app/last_good.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/io/disk.hpp"
#include "proxy/io/own_file.hpp"

namespace outrigger::app {
namespace {

constexpr std::string_view kVersion = "outrigger last good 1 ";

// Takes what is before the first newline.
std::string_view take_line(std::string_view& bytes) {
  const size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return line;
}

}  // namespace

std::string last_good_path(const std::string& folder) { return folder + "/last-good"; }

std::string pack_last_good(const config::Texts& texts) {
  std::string packed = std::string(kVersion) + hash_of(texts) + "\n";
  for (const config::SourceText& source : texts) {
    packed += std::to_string(source.text->size()) + " " + source.path + "\n" + *source.text + "\n";
  }
  return packed;
}

Result<config::Texts> unpack_last_good(std::string_view bytes) {
  const auto damaged = [] { return failure(std::string("it is damaged")); };
  std::string_view hash = take_line(bytes);
  if (!hash.starts_with(kVersion)) return failure(std::string("it is of another version"));
  hash.remove_prefix(kVersion.size());
  config::Texts texts;
  while (!bytes.empty()) {
    std::string_view line = take_line(bytes);
    size_t size = 0;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), size);
    line.remove_prefix(static_cast<size_t>(number.ptr - line.data()));
    if (number.ec != std::errc() || !line.starts_with(' ') || bytes.size() <= size) {
      return damaged();
    }
    texts.push_back({std::string(line.substr(1)), std::string(bytes.substr(0, size))});
    bytes.remove_prefix(size + 1);
  }
  if (hash_of(texts) != hash) return damaged();
  return texts;
}

Result<config::Texts> read_last_good(const std::string& folder) {
  const std::string path = last_good_path(folder);
  const std::string why = io::why_not_ours(path);
  if (!why.empty()) return failure(path + ": " + why);
  const io::FileContent bytes = io::read_file(path);
  if (!bytes) return failure(bytes.error());
  auto texts = unpack_last_good(*bytes);
  if (!texts) return failure(path + ": " + texts.error());
  return texts;
}

}  // namespace outrigger::app
