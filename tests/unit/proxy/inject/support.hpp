// Manifests and the usual questions to ask about them. Plain functions, header only; the manifests
// are as people write them, with comments where they hurt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/inject/inject.hpp"

namespace outrigger::inject {

inline Options options(std::optional<Mode> mode = {}) {
  Options wanted;
  wanted.mode = mode;
  wanted.image = "registry.example.com/outrigger:0.1.0";
  return wanted;
}

inline Changed injected(std::string_view text, const Options& wanted = options()) {
  return inject(text, wanted, namespaces_in(text));
}

inline std::vector<std::string> said(const Changed& changed) {
  std::vector<std::string> lines;
  for (const Report& report : changed.reports) lines.push_back(to_string(report));
  return lines;
}

inline constexpr std::string_view kOrders = R"(# The orders service.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders   # not bookings
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels: {app: orders}
  template:
    metadata:
      labels: {app: orders}
    spec:
      # One for all.
      containers:
        - name: app
          image: "shop/orders:1.2"
          args: ["--port", "8080"]

          ports:
            - containerPort: 8080
)";

}  // namespace outrigger::inject
