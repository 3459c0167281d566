"""The only place that writes release trees and pointers (docs/contract/store.md)."""
