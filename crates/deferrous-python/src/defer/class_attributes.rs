//! Attributes that a class has, too: an instance's own value, or, asked of the class, the default that
//! Twisted's class has.

use pyo3::{PyTraverseError, PyVisit, exceptions::PyAttributeError, prelude::*, types::PyType};

use crate::interp::{descriptor_get, fallible, name};

// An attribute of instances that the class has, too. Its docstring is that of the attribute.
#[allow(missing_docs)]
#[pyclass(frozen, name = "_Attribute", module = "twisted.internet.defer")]
pub struct ClassAttribute {
    /// The descriptor of instances.
    descriptor: Py<PyAny>,
    /// What the class has, if it has the attribute.
    default: Option<Py<PyAny>>,
}

#[pymethods]
impl ClassAttribute {
    fn __get__<'py>(
        &self,
        py: Python<'py>,
        object: Option<&Bound<'py, PyAny>>,
        _class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match (object, &self.default) {
            (Some(object), _) => descriptor_get(self.descriptor.bind(py), object),
            (None, Some(default)) => Ok(default.bind(py).clone()),
            (None, None) => Err(fallible::error::<PyAttributeError>(py, "result")),
        }
    }

    fn __set__(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, descriptor) = (object.py(), self.descriptor.bind(object.py()));
        descriptor.call_method1(name!(py, "__set__")?, (object, value))?;
        Ok(())
    }

    fn __delete__(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, descriptor) = (object.py(), self.descriptor.bind(object.py()));
        descriptor.call_method1(name!(py, "__delete__")?, (object,))?;
        Ok(())
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.descriptor.bind(py).getattr(name!(py, "__doc__")?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.descriptor)?;
        visit.call(&self.default)
    }
}

/// Gives `class` a default for an attribute that its instances have. Without one, the class has no such attribute.
pub fn set_default<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let name = fallible::interned(class.py(), name)?;
    let attribute = ClassAttribute {
        descriptor: class.getattr(&name)?.unbind(),
        default: default.map(Bound::unbind),
    };
    class.setattr(name, Bound::new(class.py(), attribute)?)
}
