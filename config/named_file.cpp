#include "config/named_file.hpp"

#include "config/text.hpp"

namespace outrigger::config {
namespace {

constexpr size_t kTokenBytesMax = 4096;
constexpr size_t kHeaderBytesMax = 64 << 10;
constexpr size_t kBodyBytesMax = 1 << 20;

using ContentOf = std::function<FileBytes(const std::string&)>;

void fill(std::vector<HeaderValue>& values, const ContentOf& content_of) {
  for (HeaderValue& value : values) {
    if (!value.file.empty()) value.content = content_of(value.file);
  }
}

void fill(Policy& policy, const ContentOf& content_of) {
  for (HeaderEdits* edits : {&policy.headers.request, &policy.headers.response}) {
    fill(edits->set, content_of);
    fill(edits->add, content_of);
  }
  for (Fallback& step : policy.fallback) {
    auto* respond = std::get_if<FallbackRespond>(&step.action);
    if (respond == nullptr) continue;
    fill(respond->headers, content_of);
    const std::string& file =
        respond->message_file.empty() ? respond->body_file : respond->message_file;
    if (!file.empty()) respond->content = content_of(file);
  }
}

}  // namespace

std::string_view without_newline(std::string_view bytes) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.remove_suffix(1);
  return bytes;
}

std::string why_useless(FileUse use, std::string_view bytes) {
  switch (use) {
    case FileUse::kToken:
      if (bytes.size() > kTokenBytesMax) return "a token has at most 4096 bytes";
      if (without_newline(bytes).empty()) return "the file is empty; nobody would have this token";
      return {};
    case FileUse::kHeader:
      if (bytes.size() > kHeaderBytesMax) return "the value of a field has at most 64KiB";
      if (!is_field_value(without_newline(bytes))) {
        return "a line break or another control character within the value of a field";
      }
      return {};
    case FileUse::kBody:
      return bytes.size() > kBodyBytesMax ? "larger than 1MiB" : "";
    case FileUse::kPem:
    case FileUse::kHosts:
      break;
  }
  return {};
}

void fill_contents(Config& config, const ContentOf& content_of) {
  fill(config.passthrough, content_of);
  for (ServiceConfig& service : config.services) {
    fill(service.policy, content_of);
    for (RouteConfig& route : service.routes) {
      fill(route.policy, content_of);
      for (RouteTarget& target : route.to) fill(target.policy, content_of);
    }
  }
}

}  // namespace outrigger::config
