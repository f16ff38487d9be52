// Operations of the simulated device: memory and views here, everything else computed on the host.
#include "device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>

#include <set>

namespace simulated {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

// The same memory as a tensor of the host.
at::Tensor host(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_privateuseone()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), tensor.options().device(at::kCPU));
}

OptionalTensor host(const OptionalTensor& tensor) {
  return tensor.has_value() && tensor->defined() ? OptionalTensor(host(*tensor)) : OptionalTensor();
}

at::Tensor back(const at::Tensor& tensor, c10::Device device) {
  return tensor.defined() ? tensor.to(device) : tensor;
}

int index_of(std::optional<c10::Device> device) {
  return device.has_value() && device->has_index() ? device->index() : current;
}

at::Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  On on(index_of(device));
  return at::detail::empty_generic(size, allocator(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  On on(index_of(device));
  return at::detail::empty_strided_generic(size, stride, allocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (inside_kernel == 0) {
    if (to.is_cpu()) ++counters.to_host;
    if (from.is_cpu()) ++(non_blocking ? counters.to_device_async : counters.to_device);
  }
  at::NoGradGuard no_grad;
  host(to).copy_(host(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());  // not otherwise: other views keep their layout
  return copy_from(from, to, false);
}

at::Scalar local_scalar(const at::Tensor& tensor) {
  if (inside_kernel == 0) ++counters.scalars;
  return host(tensor).item();
}

const at::Tensor& resize_(const at::Tensor& tensor, c10::SymIntArrayRef size, std::optional<at::MemoryFormat>) {
  const auto sizes = C10_AS_INTARRAYREF_SLOW(size);
  const size_t bytes = (c10::multiply_integers(sizes) + tensor.storage_offset()) * tensor.dtype().itemsize();
  if (bytes > tensor.storage().nbytes()) at::detail::getPrivateUse1Hooks().resizePrivateUse1Bytes(tensor.storage(), bytes);
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  return tensor;
}

at::Tensor& set_storage(at::Tensor& tensor, at::Storage storage, int64_t offset, c10::IntArrayRef size,
                        c10::IntArrayRef stride) {
  return at::native::set_storage_cpu_(tensor, std::move(storage), offset, size, stride);
}

at::Tensor& set_whole_storage(at::Tensor& tensor, at::Storage storage) {
  const int64_t size = storage.nbytes() / tensor.dtype().itemsize();
  return set_storage(tensor, std::move(storage), 0, size, {});
}

at::Tensor& set_tensor(at::Tensor& tensor, const at::Tensor& source) {
  return set_storage(tensor, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

Three back(Three results, c10::Device device) {
  return {back(std::get<0>(results), device), back(std::get<1>(results), device), back(std::get<2>(results), device)};
}

// Convolution has no kernel for other devices to fall back on.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& w, const OptionalTensor& b, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  InsideKernel inside;
  return back(at::convolution(host(x), host(w), host(b), stride, padding, dilation, transposed, output_padding, groups),
              x.device());
}

Three convolution_backward(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& w, at::IntArrayRef stride,
                           at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                           at::IntArrayRef output_padding, int64_t groups, std::array<bool, 3> mask) {
  InsideKernel inside;
  const at::IntArrayRef bias(w.sizes().data() + (transposed ? 1 : 0), 1);
  return back(at::convolution_backward(host(grad), host(x), host(w), bias, stride, padding, dilation, transposed,
                                       output_padding, groups, mask),
              x.device());
}

// BatchNorm changes its running statistics without saying so in its schema; here they share their memory.
Three batch_norm(const at::Tensor& x, const OptionalTensor& w, const OptionalTensor& b, const OptionalTensor& mean,
                 const OptionalTensor& variance, bool training, double momentum, double eps) {
  InsideKernel inside;
  return back(at::native_batch_norm(host(x), host(w), host(b), host(mean), host(variance), training, momentum, eps),
              x.device());
}

Three batch_norm_backward(const at::Tensor& grad, const at::Tensor& x, const OptionalTensor& w,
                          const OptionalTensor& mean, const OptionalTensor& variance, const OptionalTensor& saved_mean,
                          const OptionalTensor& saved_variance, bool training, double eps, std::array<bool, 3> mask) {
  InsideKernel inside;
  return back(at::native_batch_norm_backward(host(grad), host(x), host(w), host(mean), host(variance),
                                             host(saved_mean), host(saved_variance), training, eps, mask),
              x.device());
}

const std::set<std::string> kShapeFromValues = {"aten::nonzero",      "aten::masked_select", "aten::_unique2",
                                                "aten::unique_dim",   "aten::bincount",      "aten::equal",
                                                "aten::repeat_interleave", "aten::unique_consecutive"};

bool has_mask(const c10::IValue& indices) {
  if (!indices.isList()) return false;
  for (const c10::IValue& index : indices.toList().vec()) {
    if (index.isTensor() && index.toTensor().defined() && index.toTensor().scalar_type() == at::kBool) return true;
  }
  return false;
}

// Compute on the host: with the device's random numbers, and on copies of the tensors.
void fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const auto& schema = operation.schema();
  const auto first = stack->size() - schema.arguments().size();
  if (inside_kernel == 0 &&
      (kShapeFromValues.count(schema.name()) > 0 ||
       ((schema.name() == "aten::index" || schema.name() == "aten::_index_put_impl_") && has_mask((*stack)[first + 1]))))
    ++counters.shapes;
  InsideKernel inside;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    if (schema.arguments()[i].type()->str() != "Generator?") continue;
    auto& slot = (*stack)[first + i];
    slot = host_generator(slot.isNone() ? std::optional<at::Generator>() : slot.toGenerator());
  }
  at::native::cpu_fallback(operation, stack, /*error_on_views=*/true);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("_local_scalar_dense", &local_scalar);
  m.impl("resize_", &resize_);
  m.impl("set_.source_Storage_storage_offset", &set_storage);
  m.impl("set_.source_Storage", &set_whole_storage);
  m.impl("set_.source_Tensor", &set_tensor);
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("unfold", TORCH_FN(at::native::unfold));
  m.impl("convolution_overrideable", &convolution);
  m.impl("convolution_backward_overrideable", &convolution_backward);
  m.impl("native_batch_norm", &batch_norm);
  m.impl("native_batch_norm_backward", &batch_norm_backward);
}

// Autocast: products in the lower precision, losses and norms in float32.
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }

TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m) {
#define LOWER(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define FP32(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
  LOWER(linear)
  LOWER(matmul)
  LOWER(conv2d)
  FP32(nll_loss)
  FP32(cross_entropy_loss)
#undef LOWER
#undef FP32
}

}  // namespace
}  // namespace simulated
