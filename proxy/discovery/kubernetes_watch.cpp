#include "proxy/discovery/kubernetes_watch.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "proxy/discovery/kubernetes_api.hpp"
#include "proxy/discovery/poll_source.hpp"

namespace outrigger::discovery {
namespace {

constexpr int kOk = 200;
constexpr int kGone = 410;
constexpr int64_t kSilenceMs = 30'000;  // beyond the end of a watch
constexpr int64_t kShortMs = 1'000;     // a watch that ends sooner is followed at leisure
constexpr size_t kRefusalMax = 64 << 10;

// With the message of the API server, where there is one.
std::string why_refused_by_api(int status, const std::string& body) {
  const std::string message = read_status(body);
  return why_refused(status, message.empty() ? body : message);
}

}  // namespace

KubernetesWatch::KubernetesWatch(LoopContext loop, KubernetesApi& api, std::string name_space)
    : x_loop(loop), x_api(api), x_namespace(std::move(name_space)) {}

KubernetesWatch::~KubernetesWatch() = default;

// All that come in one turn are listed at once.
void KubernetesWatch::add(SliceReader& reader) {
  x_readers.push_back(reader);
  if (selector() == x_listed && !x_version.empty()) return reader.on_slices();
  go_on_in(0);
}

void KubernetesWatch::go_on_in(int64_t ms) {
  x_loop.timers.arm(x_again, x_loop.clock.now_ms() + ms);
}

void KubernetesWatch::go_on() {
  constexpr int64_t kFilesMs = 10;
  x_loop.reaper.doom(std::move(x_call));
  if (x_api.is_waiting()) return go_on_in(kFilesMs);
  if (const std::string why = x_api.why_not(); !why.empty()) return fail(why);
  if (selector() != x_listed) list_again();
  x_version.empty() ? list() : watch();
}

// ---- the list

void KubernetesWatch::list() {
  constexpr int kSlicesOfPage = 100;
  std::string parameters = "&limit=" + std::to_string(kSlicesOfPage);
  if (!x_page.empty()) parameters += "&continue=" + percent_encoded(x_page);
  x_listed = selector();
  x_call = x_api.client().ask(request(parameters), {},
                              [this](const Result<client::Answer>& answer) { take_page(answer); });
}

void KubernetesWatch::take_page(const Result<client::Answer>& answer) {
  x_loop.reaper.doom(std::move(x_call));
  if (!answer) return fail(answer.error());
  if (answer->status == kGone && !x_page.empty()) {
    list_again();
    return list();
  }
  if (answer->status != kOk) {
    int64_t retry_s = 0;
    const std::string_view text = answer->field("retry-after");
    std::from_chars(text.data(), text.data() + text.size(), retry_s);
    return fail(x_api.origin() + ": " + why_refused_by_api(answer->status, answer->body),
                retry_s * 1000);
  }
  auto page = read_slices(answer->body);
  if (!page) return fail(x_api.origin() + ": " + page.error());
  for (Slice& slice : page->slices) {
    std::string name = slice.name;
    x_pages.insert_or_assign(std::move(name), std::move(slice));
  }
  x_page = page->next_page;
  if (!x_page.empty()) return list();
  if (page->version.empty()) return fail(x_api.origin() + ": the list has no resourceVersion");
  x_version = page->version;
  x_slices = std::exchange(x_pages, {});
  watch();
  tell_all();
}

void KubernetesWatch::list_again() {
  x_version.clear();
  x_page.clear();
  x_pages.clear();
}

// ---- the watch

void KubernetesWatch::watch() {
  const auto watch_ms =
      kWatchMs + static_cast<int64_t>(x_loop.random.below(static_cast<uint32_t>(kWatchMs / 5)));
  const client::Bounds bounds{.silence_ms = watch_ms + kSilenceMs,
                              .whole_ms = 0,
                              .body_bytes = std::numeric_limits<size_t>::max()};
  x_line.clear();
  x_watched_from_ms = x_loop.clock.now_ms();
  x_call = x_api.client().send(
      request("&watch=1&allowWatchBookmarks=true&resourceVersion=" + percent_encoded(x_version) +
              "&timeoutSeconds=" + std::to_string(watch_ms / 1000)),
      bounds, *this);
}

void KubernetesWatch::on_head(int status, const http::Fields&) { x_status = status; }

void KubernetesWatch::on_body(std::string_view bytes) {
  if (x_status != kOk) {
    x_line += bytes.substr(0, kRefusalMax - std::min(kRefusalMax, x_line.size()));
    return;
  }
  for (size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    x_line += bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    take_line(std::exchange(x_line, {}));
    if (x_call == nullptr) return;  // it was given up
  }
  x_line += bytes;
  if (x_line.size() <= kLineBytesMax) return;
  fail(x_api.origin() + ": an event of the watch has no end");
}

void KubernetesWatch::take_line(std::string_view line) {
  auto event = read_slice_event(line);
  if (event) return take(std::move(*event));
  list_again();
  fail(x_api.origin() + ": " + event.error());
}

void KubernetesWatch::take(SliceEvent event) {
  using Kind = SliceEvent::Kind;
  if (event.kind == Kind::kGone) {
    x_loop.reaper.doom(std::move(x_call));
    list_again();
    return go_on_in(0);
  }
  if (event.kind == Kind::kError) return fail(x_api.origin() + ": " + event.why);
  x_after_error.reset();
  if (!event.version.empty()) x_version = event.version;
  if (event.kind == Kind::kBookmark) return tell_all();
  const std::string service = event.slice.service;
  std::string name = event.slice.name;
  if (event.kind == Kind::kDeleted) {
    x_slices.erase(name);
  } else {
    x_slices.insert_or_assign(std::move(name), std::move(event.slice));
  }
  x_readers.for_each([&](SliceReader& reader) {
    if (reader.service() == service) reader.on_slices();
  });
}

// Ordinary after some minutes.
void KubernetesWatch::on_end() {
  if (x_status == kGone) {
    list_again();
    return go_on_in(0);
  }
  if (x_status != kOk) return fail(x_api.origin() + ": " + why_refused_by_api(x_status, x_line));
  const bool was_short = x_loop.clock.now_ms() - x_watched_from_ms < kShortMs;
  go_on_in(was_short ? x_after_error.next_ms(x_loop.random) : 0);
}

void KubernetesWatch::on_failed(const std::string& why) { fail(why); }

// ---- ends

void KubernetesWatch::fail(const std::string& why, int64_t at_least_ms) {
  x_loop.reaper.doom(std::move(x_call));
  constexpr int64_t kRetryMostMs = 60'000;
  go_on_in(std::max(x_after_error.next_ms(x_loop.random), std::min(at_least_ms, kRetryMostMs)));
  x_readers.for_each([&](SliceReader& reader) { reader.on_watch_failed(why); });
}

void KubernetesWatch::tell_all() {
  x_readers.for_each([](SliceReader& reader) { reader.on_slices(); });
}

client::Request KubernetesWatch::request(const std::string& parameters) {
  const std::string& name_space = x_namespace.empty() ? x_api.own_namespace() : x_namespace;
  client::Request request{
      .target = "/apis/discovery.k8s.io/v1/namespaces/" + percent_encoded(name_space) +
                "/endpointslices?labelSelector=" + percent_encoded(selector()) + parameters,
      .fields = {{"accept", "application/json"}}};
  if (!x_api.token().empty()) {
    request.fields.emplace_back("authorization", "Bearer " + x_api.token());
  }
  return request;
}

std::string KubernetesWatch::selector() {
  std::set<std::string> services;
  x_readers.for_each([&](const SliceReader& reader) { services.insert(reader.service()); });
  std::string text;
  for (const std::string& service : services) text += (text.empty() ? "" : ",") + service;
  return "kubernetes.io/service-name in (" + text + ")";
}

}  // namespace outrigger::discovery
