#include "proxy/app/fetched_files.hpp"

namespace outrigger::app {

void FetchedFiles::put(const std::string& path, const io::FileContent& content) {
  File& file = x_files[path];
  file = {};
  if (content) {
    file.bytes = std::make_shared<const std::string>(*content);
  } else {
    file.why = content.error();
  }
}

config::FileBytes FetchedFiles::bytes(const std::string& path) const {
  const auto known = x_files.find(path);
  return known == x_files.end() ? nullptr : known->second.bytes;
}

std::string FetchedFiles::why_useless(const config::NamedFile& file) const {
  const auto known = x_files.find(file.path);
  if (known == x_files.end()) return file.path + ": has not been read";
  const auto& [bytes, why] = known->second;
  return bytes == nullptr ? why : app::why_useless({file.use}, file.path, *bytes);
}

std::string why_useless(const std::set<config::FileUse>& uses, const std::string& path,
                        const io::FileContent& content) {
  if (!content) return content.error();
  for (const config::FileUse use : uses) {
    std::string why = config::why_useless(use, *content);
    if (!why.empty()) return why.insert(0, path + ": ");
  }
  return {};
}

}  // namespace outrigger::app
