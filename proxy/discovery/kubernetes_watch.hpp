// A KubernetesWatch keeps the EndpointSlices of some services of one namespace: a list, and then a
// watch from there on, which the server ends now and then and which goes on where it was. When the
// server has forgotten that place (410) everything is listed again. A watch that fails keeps what
// it had. (Kubernetes API Concepts, "Efficient detection of changes".) Shared by the sources of the
// namespace; control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/client/client.hpp"
#include "proxy/discovery/backoff.hpp"
#include "proxy/discovery/reply.hpp"

namespace outrigger::discovery {

class KubernetesApi;

// Who wants the slices of one service. Destroying it leaves the watch.
class SliceReader : public ListNode<> {
 public:
  virtual const std::string& service() const = 0;
  // They may have changed, or were confirmed: KubernetesWatch::slices().
  virtual void on_slices() = 0;
  virtual void on_watch_failed(const std::string& why) = 0;

 protected:
  ~SliceReader() = default;
};

class KubernetesWatch final : private client::AnswerEvents {
 public:
  // The server ends a watch after so long, and up to a fifth more.
  static constexpr int64_t kWatchMs = 300'000;
  static constexpr size_t kLineBytesMax = 8 << 20;

  // An empty namespace is that of `api`, which outlives it.
  KubernetesWatch(LoopContext loop, KubernetesApi& api, std::string name_space);
  ~KubernetesWatch();
  KubernetesWatch(const KubernetesWatch&) = delete;
  KubernetesWatch& operator=(const KubernetesWatch&) = delete;

  // A service that nobody wanted so far is listed with the others, anew.
  void add(SliceReader& reader);
  // visit(const Slice&) for those of a service.
  template <class Visit>
  void visit_slices(const std::string& service, Visit visit) const {
    for (const auto& [name, slice] : x_slices) {
      if (slice.service == service) visit(slice);
    }
  }

 private:
  using Slices = std::map<std::string, Slice>;  // by name

  void on_head(int status, const http::Fields& fields) override;
  void on_body(std::string_view bytes) override;
  void on_end() override;
  void on_failed(const std::string& why) override;

  void go_on();
  void list();
  void take_page(const Result<client::Answer>& answer);
  void watch();
  void take_line(std::string_view line);
  void take(SliceEvent event);
  void list_again();
  void fail(const std::string& why, int64_t at_least_ms = 0);
  void go_on_in(int64_t ms);
  void tell_all();
  client::Request request(const std::string& parameters);
  std::string selector();

  const LoopContext x_loop;
  KubernetesApi& x_api;
  const std::string x_namespace;
  List<SliceReader> x_readers;
  std::string x_listed;  // the selector of what is known
  Slices x_slices;
  Slices x_pages;         // of the list under way
  std::string x_page;     // the next one
  std::string x_version;  // empty: a list comes first
  std::string x_line;     // of the watch, not complete
  int x_status = 0;       // of the watch
  int64_t x_watched_from_ms = 0;
  Backoff x_after_error{kErrorBackoffMinMs, kErrorBackoffMaxMs};
  io::OperationPtr x_call;
  Timer x_again = Timer::of<&KubernetesWatch::go_on>(*this);
};

}  // namespace outrigger::discovery
