// Shared by the two halves of the simulated device: what it is (device.cpp), and its operations (operations.cpp).
#pragma once
#include <ATen/ATen.h>

#include <atomic>
#include <map>
#include <string>

namespace simulated {

constexpr auto kType = c10::DeviceType::PrivateUse1;
constexpr int kDevices = 2;

extern thread_local int current;        // index of the current device
extern thread_local int inside_kernel;  // > 0 while an operation computes on the host, whose copies do not count

struct Counters {
  std::atomic<int64_t> scalars{0};           // values read by the host: .item(), float(tensor), if tensor
  std::atomic<int64_t> to_host{0};           // tensors copied to the host
  std::atomic<int64_t> to_device{0};         // tensors copied to the device while the host waits
  std::atomic<int64_t> to_device_async{0};   // tensors copied to the device with non_blocking
  std::atomic<int64_t> shapes{0};            // operations whose result has a size that depends on values
  std::atomic<int64_t> synchronisations{0};  // explicit ones
  std::map<std::string, int64_t> named() const {
    return {{"scalars", scalars},
            {"to_host", to_host},
            {"to_device", to_device},
            {"to_device_async", to_device_async},
            {"shapes", shapes},
            {"synchronisations", synchronisations}};
  }
  void reset() { scalars = to_host = to_device = to_device_async = shapes = synchronisations = 0; }
};
extern Counters counters;

struct On {  // makes a device current within a block
  explicit On(int index) : before(current) { current = index; }
  ~On() { current = before; }
  int before;
};

struct InsideKernel {
  InsideKernel() { ++inside_kernel; }
  ~InsideKernel() { --inside_kernel; }
};

c10::Allocator* allocator();

// Generator of the host that stands for a generator of the device, or for the default one of the current device.
at::Generator host_generator(const std::optional<at::Generator>& given);

}  // namespace simulated
