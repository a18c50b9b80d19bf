#include "proxy/inject/inject.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/inject/support.hpp"

namespace outrigger::inject {
namespace {

using testing::ElementsAre;

TEST(Inject, PutsTheSidecarIntoABlockOfTextAndLeavesTheRestAlone) {
  const Changed changed = injected(kOrders);
  EXPECT_THAT(said(changed),
              ElementsAre("deployment/orders  injected  redirect, config outrigger-orders"));
  EXPECT_EQ(changed.text, R"(# The orders service.
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
      annotations:
        outrigger.dev/injected: redirect
      labels: {app: orders}
    spec:
      initContainers:
      - name: outrigger-init
        image: registry.example.com/outrigger:0.1.0
        args: [intercept, install, -c, /etc/outrigger/pod.yaml, -c, /etc/outrigger/config]
        resources:
          requests:
            cpu: 10m
            memory: 32Mi
          limits:
            memory: 128Mi
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            add: [NET_ADMIN]
            drop: [ALL]
          readOnlyRootFilesystem: true
          runAsNonRoot: false
          runAsUser: 0
          runAsGroup: 0
          seccompProfile:
            type: RuntimeDefault
        volumeMounts:
        - name: outrigger-config
          mountPath: /etc/outrigger/config
          readOnly: true
      - name: outrigger
        image: registry.example.com/outrigger:0.1.0
        args: [run, -c, /etc/outrigger/pod.yaml, -c, /etc/outrigger/config]
        restartPolicy: Always
        ports:
        - name: outrigger
          containerPort: 9902
        startupProbe:
          exec:
            command: [outrigger, probe, startup]
          periodSeconds: 1
          timeoutSeconds: 2
          failureThreshold: 60
        readinessProbe:
          exec:
            command: [outrigger, probe, ready]
          periodSeconds: 5
          timeoutSeconds: 2
          failureThreshold: 3
        resources:
          requests:
            cpu: 10m
            memory: 32Mi
          limits:
            memory: 128Mi
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
          readOnlyRootFilesystem: true
          runAsNonRoot: true
          runAsUser: 15001
          runAsGroup: 15001
          seccompProfile:
            type: RuntimeDefault
        volumeMounts:
        - name: outrigger-config
          mountPath: /etc/outrigger/config
          readOnly: true
      volumes:
      - name: outrigger-config
        configMap:
          name: outrigger-orders
      # One for all.
      containers:
        - name: app
          image: "shop/orders:1.2"
          args: ["--port", "8080"]

          ports:
            - containerPort: 8080
)");
}

TEST(Inject, IsUndoneToTheSameBytes) {
  const Changed changed = injected(kOrders);
  const Changed back = uninject(changed.text);
  EXPECT_EQ(back.text, kOrders);
  EXPECT_THAT(said(back), ElementsAre("deployment/orders  removed"));
}

TEST(Inject, ChangesNothingASecondTime) {
  const Changed once = injected(kOrders);
  const Changed twice = injected(once.text);
  EXPECT_EQ(twice.text, once.text);
  EXPECT_THAT(said(twice),
              ElementsAre("deployment/orders  unchanged  redirect, config outrigger-orders"));
}

}  // namespace
}  // namespace outrigger::inject
