/** Data types of the property collector, service, sessions and tasks, as the vSphere Web Services reference orders them. */
export const propertyTypes = `
PropertySpec: type string, all? boolean, pathSet? string[]
SelectionSpec: name? string
TraversalSpec < SelectionSpec: type string, path string, skip? boolean, selectSet? SelectionSpec[]
ObjectSpec: obj ref, skip? boolean, selectSet? SelectionSpec[]
PropertyFilterSpec: propSet PropertySpec[], objectSet ObjectSpec[], reportMissingObjectsInResults? boolean
RetrieveOptions: maxObjects? int
WaitOptions: maxWaitSeconds? int, maxObjectUpdates? int
DynamicProperty: name string, val anyType
MissingProperty: path string, fault LocalizedMethodFault
ObjectContent: obj ref, propSet? DynamicProperty[], missingSet? MissingProperty[]
RetrieveResult: token? string, objects ObjectContent[]
PropertyChange: name string, op PropertyChangeOp, val? anyType
ObjectUpdate: kind ObjectUpdateKind, obj ref, changeSet? PropertyChange[], missingSet? MissingProperty[]
MissingObject: obj ref, fault LocalizedMethodFault
PropertyFilterUpdate: filter ref, objectSet? ObjectUpdate[], missingSet? MissingObject[]
UpdateSet: version string, filterSet? PropertyFilterUpdate[], truncated? boolean
AboutInfo: name string, fullName string, vendor string, version string, patchLevel? string, build string,
  localeVersion? string, localeBuild? string, osType string, productLineId string, apiType string, apiVersion string,
  instanceUuid? string, licenseProductName? string, licenseProductVersion? string
ServiceContent: rootFolder ref, propertyCollector ref, viewManager? ref, about AboutInfo, setting? ref, userDirectory? ref,
  sessionManager? ref, authorizationManager? ref, serviceManager? ref, perfManager? ref, scheduledTaskManager? ref,
  alarmManager? ref, eventManager? ref, taskManager? ref, extensionManager? ref, customizationSpecManager? ref,
  guestCustomizationManager? ref, customFieldsManager? ref, accountManager? ref, diagnosticManager? ref, licenseManager? ref,
  searchIndex? ref, fileManager? ref, datastoreNamespaceManager? ref, virtualDiskManager? ref
UserSession: key string, userName string, fullName string, loginTime dateTime, lastActiveTime dateTime, locale string,
  messageLocale string, extensionSession? boolean, ipAddress? string, userAgent? string, callCount? long
SessionManagerServiceRequestSpec
SessionManagerHttpServiceRequestSpec < SessionManagerServiceRequestSpec: method? string, url string
SessionManagerVmomiServiceRequestSpec < SessionManagerServiceRequestSpec: method string
SessionManagerGenericServiceTicket: id string, hostName? string, sslThumbprint? string,
  certThumbprintList? VirtualMachineCertThumbprint[], sslCertificate? string, ticketType? string
VirtualMachineCertThumbprint: thumbprint string, hashAlgorithm? string
PrivilegeAvailability: privId string, isGranted boolean
EntityPrivilege: entity ref, privAvailability PrivilegeAvailability[]
UserPrivilegeResult: entity ref, privileges? string[]
AuthorizationRole: roleId int, system boolean, name string, info Description, privilege? string[]
Tag: key string
CustomFieldValue: key int
CustomFieldStringValue < CustomFieldValue: value string
CustomFieldDef: key int, name string, type string, managedObjectType? string
KeyAnyValue: key string, value anyType
KeyValue: key string, value string
LicenseManagerLicenseInfo: licenseKey string, editionKey string, name string, total int, used? int, costUnit string,
  properties? KeyAnyValue[], labels? KeyValue[]
TaskReason
TaskReasonUser < TaskReason: userName string
TaskInfo: key string, task ref, description? LocalizableMessage, name? string, descriptionId string, entity? ref,
  entityName? string, locked? ref[], state TaskInfoState, cancelled boolean, cancelable boolean, error? LocalizedMethodFault,
  result? anyType, progress? int, reason TaskReason, queueTime dateTime, startTime? dateTime, completeTime? dateTime,
  eventChainId int, changeTag? string, parentTaskKey? string, rootTaskKey? string, activationId? string
Description: label string, summary string
ElementDescription < Description: key string
OptionValue: key string, value anyType
ResourceAllocationInfo: reservation? long, expandableReservation? boolean, limit? long, shares? SharesInfo,
  overheadLimit? long
SharesInfo: shares int, level SharesLevel
`;
