/**
 * api_vmi_template: the text of a VMI as virt-controller leaves it shortly after its creation.
 */
#ifndef SUPPORT_API_VMI_TEMPLATE_H
#define SUPPORT_API_VMI_TEMPLATE_H

/** JSON with ' in place of ", without metadata.name, metadata.namespace and autoattachVSOCK. */
extern const char api_vmi_template[];

#endif
