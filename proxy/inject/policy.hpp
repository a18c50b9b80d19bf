// The pod template as a MutatingAdmissionPolicy with its binding: the API server itself puts the
// sidecar into pods that are labelled so. The same tree as in pod_template.hpp, said in CEL; what
// `inject` skips or refuses is left alone. A pure function.
#pragma once

#include <string>
#include <string_view>

#include "proxy/inject/settings.hpp"

namespace outrigger::inject {

// `version` is v1 (Kubernetes 1.36 and later) or v1beta1 (1.34, where it has to be switched on).
// The failure is a sentence.
Result<std::string> policy(std::string_view version, const Options& options);

}  // namespace outrigger::inject
