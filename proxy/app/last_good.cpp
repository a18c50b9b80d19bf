#include "proxy/app/last_good.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/io/kept_files.hpp"

namespace outrigger::app {
namespace {

constexpr const char* kName = "last-good";

// Takes what is before the first newline.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Result<bool> keep_last_good(const std::string& folder, const config::Texts& texts) {
  return io::save_kept_file(folder, kName, pack_last_good(texts));
}

Result<config::Texts> load_last_good(const std::string& folder) {
  const Result<std::string> packed = io::load_kept_file(folder, kName);
  if (!packed) return failure(packed.error());
  if (packed->empty()) return failure(folder + "/" + kName + ": there is none");
  auto texts = unpack_last_good(*packed);
  if (!texts) return failure(folder + "/" + kName + ": it is damaged");
  return *std::move(texts);
}

// Of each file its size, a blank, its path and a newline; then its bytes and a newline.
std::string pack_last_good(const config::Texts& texts) {
  std::string packed;
  for (const config::SourceText& source : texts) {
    packed += std::to_string(source.text->size()) + " " + source.path + "\n" + *source.text + "\n";
  }
  return packed;
}

std::optional<config::Texts> unpack_last_good(std::string_view packed) {
  config::Texts texts;
  while (!packed.empty()) {
    std::string_view line = take_line(packed);
    size_t size = 0;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), size);
    line.remove_prefix(static_cast<size_t>(number.ptr - line.data()));
    if (number.ec != std::errc() || !line.starts_with(' ') || packed.size() <= size) return {};
    texts.push_back({std::string(line.substr(1)), std::string(packed.substr(0, size))});
    packed.remove_prefix(size + 1);
  }
  return texts;
}

}  // namespace outrigger::app
